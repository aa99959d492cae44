"""HMC: moments are exact for every kind of length, and the same checks reject wrong kernels."""

import math

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off_chains, one_thread  # noqa: F401

from zoo import inference
from zoo.inference.mcmc import hmc
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.hmc import FixedLength, Lengths
from zoo.inference.mcmc.kernels import hamiltonian
from zoo.inference.mcmc.kernels.chains import KernelOptions

SCALE = torch.tensor([1.0, 0.03, 30.0])
LENGTHS = {
    "fixed": {"num_steps": 2},
    "jittered": {"num_steps": 5, "jitter": 0.6},
    "tau": {"trajectory_length": math.pi / 2, "max_steps": 30},
    "tau, no mass": {
        "trajectory_length": math.pi / 2,
        "max_steps": 60,
        "adapt_mass_matrix": False,
    },
    "dense": {"num_steps": 2, "full_mass": True, "shared_mass": True},
}
WITH_MASS = [name for name in LENGTHS if name != "tau, no mass"]


def sampler(model, **options):
    settings = {
        "num_chains": 8,
        "warmup_steps": 100,
        "num_samples": 150,
        "init": "prior",
        "dtype": None,
    }
    return inference.HMC(
        model, **{**settings, "compile": False, "progress": False, **options}
    )


def standard():
    pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))


def stretched():
    pyro.sample("z", dist.Normal(torch.tensor([1.0, 2.0, -3.0]), SCALE).to_event(1))


def funnel():
    """Neal's funnel, reparametrised as independent normals."""
    neck = pyro.sample("neck", dist.Normal(0.0, 3.0))
    pyro.sample("body", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    pyro.deterministic("scale", (neck / 2).exp())


def furthest(z, mean, scale):
    """Return the error of mean and variance of chains (C, S, ...), in standard errors."""
    z = (z.double() - mean) / scale
    return max(off_chains(z, torch.zeros(())), off_chains(z.square(), torch.ones(())))


@pytest.mark.parametrize("name", cases.first(WITH_MASS, ["jittered", "dense"]))
def test_moments_of_an_ill_conditioned_normal_are_exact(name):
    pyro.set_rng_seed(0)
    posterior = sampler(stretched, **LENGTHS[name]).fit(())
    assert furthest(posterior.draws["z"], torch.tensor([1.0, 2.0, -3.0]), SCALE) < LIMIT
    assert abs(float(posterior.info.acceptance_rate.mean()) - 0.8) < 0.15


@pytest.mark.parametrize("name", cases.first(LENGTHS, ["fixed", "tau, no mass"]))
def test_moments_of_a_standard_normal_are_exact(name):
    pyro.set_rng_seed(1)
    assert (
        furthest(sampler(standard, **LENGTHS[name]).fit(()).draws["z"], 0.0, 1.0)
        < LIMIT
    )


def test_the_reparametrised_funnel_is_exact():
    pyro.set_rng_seed(2)
    draws = sampler(funnel, **LENGTHS["jittered"]).fit(()).draws
    assert furthest(draws["neck"], 0.0, 3.0) < LIMIT
    assert furthest(draws["body"], 0.0, 1.0) < LIMIT
    body = (draws["neck"] / 2).exp()[..., None] * draws["body"]
    inside = (body.abs() < 1.0).double()  # the tails are too heavy for moments
    generator = torch.Generator().manual_seed(0)
    reference = (3 * torch.randn(10**6, generator=generator) / 2).exp() * torch.randn(
        10**6, generator=generator
    )
    assert off_chains(inside, (reference.abs() < 1.0).double().mean()) < LIMIT


@pytest.mark.parametrize("name", ["jittered", "tau"])
def test_bayesian_linear_regression_is_exact(name):
    model, (x, y) = cases.linear_regression()
    pyro.set_rng_seed(3)
    draws = sampler(model, **LENGTHS[name]).fit((x, y)).draws["w"].double()
    reference = exact.linear_posterior(
        exact.features(x), y.double(), 0.5, torch.ones(3)
    )
    assert off_chains(draws, reference.mean) < LIMIT
    away = draws - reference.mean
    assert (
        off_chains(away[..., :, None] * away[..., None, :], reference.covariance)
        < LIMIT
    )


def without_accepting(monkeypatch):
    """Accept everything."""
    rand = torch.rand_like
    monkeypatch.setattr(hmc.torch, "rand_like", lambda like: rand(like) - 2)


def with_the_wrong_sign(monkeypatch):
    """Accept by the energy error with the wrong sign."""
    exp = torch.Tensor.exp
    monkeypatch.setattr(hmc.torch.Tensor, "exp", lambda self: exp(-self))


def without_half_steps(monkeypatch):
    """Move momenta by whole steps (symplectic Euler), which is not reversible."""

    def euler(self, u, p, gradient, step_size, *mass_matrix):
        p = p - step_size[:, None] * gradient
        u = u + step_size[:, None] * p
        gradient, energy = self.whitened_gradient(u, *mass_matrix)
        return u, p, gradient, energy

    monkeypatch.setattr(hamiltonian.Hamiltonian, "leapfrog", euler)


def with_momenta_of_another_mass(monkeypatch):
    """Draw momenta with another variance than that of the kinetic energy."""
    randn = torch.randn_like
    monkeypatch.setattr(hmc.torch, "randn_like", lambda like: 1.5 * randn(like))


WRONG = [
    without_accepting,
    with_the_wrong_sign,
    without_half_steps,
    with_momenta_of_another_mass,
]


def at_large_steps(wrong=None):
    """Return the error of a standard normal's moments with steps of 1.2, 90 % accepted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            hamiltonian.Hamiltonian,
            "reasonable_step_size",
            lambda self, step_size: 12 * step_size,
        )
        if wrong is not None:
            wrong(patch)
        engine = sampler(standard, num_steps=1, warmup_steps=0, num_samples=400)
        return furthest(engine.fit(()).draws["z"], 0.0, 1.0)


def test_the_right_kernel_is_exact_at_large_steps():
    pyro.set_rng_seed(0)
    assert at_large_steps() < LIMIT


@pytest.mark.filterwarnings("ignore:HMC")  # it diverges or never moves
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_kernel_is_rejected(wrong):
    pyro.set_rng_seed(0)
    assert at_large_steps(wrong) > LIMIT


def test_lengths_are_uniform_around_the_number_of_steps():
    step_size = torch.tensor([0.1, 0.2])
    assert Lengths(7, None, 1000, 0.0).draw(step_size, 1).tolist() == [[7, 7]]
    assert Lengths(7, 2.0, 1000, 0.0).draw(step_size, 1).tolist() == [[20, 10]]
    assert Lengths(7, 2.0, 15, 0.0).draw(step_size, 1).tolist() == [[15, 10]]
    assert Lengths(7, 1e-9, 15, 0.0).draw(step_size, 1).tolist() == [[1, 1]]
    torch.manual_seed(0)
    drawn = Lengths(20, None, 1000, 0.5).draw(step_size, 2000)
    assert torch.equal(drawn[:, 0], drawn[:, 1])  # no chain waits for another
    assert (int(drawn.min()), int(drawn.max())) == (10, 30)
    assert abs(float(drawn.double().mean()) - 20) < LIMIT * 20 * 0.5 / math.sqrt(
        3 * 2000
    )


def block_of_many_draws(steps_at_once, monkeypatch, num_draws=300):
    """Return draws of one call, of trajectories whose lengths differ between chains."""
    made = kernel_of(standard)
    monkeypatch.setattr(FixedLength, "steps_at_once", steps_at_once)
    torch.manual_seed(0)
    return made.paths(torch.randint(1, 9, (num_draws, 8)))


def kernel_of(model):
    """Return the kernel of 8 chains that begin at draws of a standard normal."""
    torch.manual_seed(0)
    potential = Potential(model)
    with potential.program.running():
        made = sampler(model).kernel(potential, torch.randn(8, 2), KernelOptions())

    made.state["step_size"] = torch.full((8,), 0.9)
    return made


def test_many_draws_of_one_call_are_exact(monkeypatch):
    block = block_of_many_draws(4000, monkeypatch)
    assert furthest(block.q, 0.0, 1.0) < LIMIT
    assert abs(float(block.info.n_steps.double().mean()) - 4.5) < 0.2


def test_a_trajectory_may_need_several_calls(monkeypatch):
    at_once = block_of_many_draws(10_000, monkeypatch, num_draws=30)
    in_parts = block_of_many_draws(3, monkeypatch, num_draws=30)
    assert torch.allclose(at_once.q, in_parts.q, atol=1e-5)


@pytest.mark.full
def test_a_trajectory_of_one_period_moves_only_with_jitter():
    options = {
        "trajectory_length": 2 * math.pi,
        "max_steps": 100,
        "adapt_mass_matrix": False,
        "num_chains": 4,
    }
    moved = []
    for jitter in (0.0, 0.5):
        pyro.set_rng_seed(0)
        z = (
            sampler(
                standard,
                target_accept_prob=0.95,
                warmup_steps=50,
                num_samples=40,
                jitter=jitter,
                **options,
            )
            .fit(())
            .draws["z"]
        )
        moved.append(float(z.diff(dim=1).abs().mean()))
    assert moved[0] < moved[1] / 3


def test_chains_with_fewer_steps_wait():
    pyro.set_rng_seed(0)
    posterior = sampler(
        stretched, trajectory_length=4.0, max_steps=10, num_samples=5
    ).fit(())
    info = posterior.info
    assert torch.equal(
        info.n_steps,
        (4.0 / info.step_size).clamp(1, 10).round().long()[:, None].expand(-1, 5),
    )
    assert info.num_gradients >= int(info.n_steps.max(0).values.sum()) * 8
    assert info.step_size.shape == (8,)
    assert info.trajectory_length is None


def test_float64_stays_float64():
    def model(x):
        pyro.sample("z", dist.Normal(torch.zeros_like(x), 1.0))

    posterior = sampler(
        model, trajectory_length=1.5, max_steps=5, num_samples=3, full_mass=True
    ).fit((torch.tensor(0.0, dtype=torch.float64),))
    assert posterior.draws["z"].dtype == torch.float64
    assert posterior.info.step_size.dtype == torch.float64


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"num_steps": 0},
            "num_steps must be a number of leapfrog steps, at least 1, not 0",
        ),
        (
            {"max_steps": 0},
            "max_steps must be a number of leapfrog steps, at least 1, not 0",
        ),
        (
            {"trajectory_length": 0.0},
            r"trajectory_length must be a positive number, e.g. math.pi / 2, not 0.0",
        ),
        (
            {"trajectory_length": math.nan},
            "trajectory_length must be a positive number",
        ),
        ({"jitter": 1.5}, "jitter must be a fraction between 0 and 1, not 1.5"),
    ],
)
def test_lengths_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        sampler(standard, **options)
