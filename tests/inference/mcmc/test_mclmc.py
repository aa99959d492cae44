"""MCLMC and MAMS: the integrator, exact targets, the bias of the unadjusted sampler, tuning."""

from functools import partial

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, off_chains, one_thread  # noqa: F401

from zoo import inference
from zoo.inference.mcmc.adaptation.mclmc_tuning import (
    StepSize,
    autocorrelation_time,
    decoherence_length,
)
from zoo.inference.mcmc.kernels.microcanonical import (
    INTEGRATORS,
    PhasePoint,
    integrate,
    langevin,
    turn,
    unit,
)

SHORT = {"init": "prior", "compile": False, "progress": False}
KINDS = {
    "MCLMC": partial(inference.MCLMC, desired_energy_variance=1e-5),
    "MAMS": inference.MAMS,
    "MAMS with noise": partial(inference.MAMS, refreshment=1.25),
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
EVERY_INTEGRATOR = pytest.mark.parametrize(
    "parts", INTEGRATORS.values(), ids=INTEGRATORS
)


def quartic(u):
    """Return gradient and value of a potential that is not quadratic."""
    return u**3 + u, (0.25 * u**4 + 0.5 * u**2).sum(-1)


def quadratic(u):
    """Return gradient and value of the potential of a standard normal."""
    return u, 0.5 * u.square().sum(-1)


def begin(chains=3, size=6):
    torch.manual_seed(0)
    u = torch.randn(chains, size, dtype=torch.float64)
    return u, unit(torch.randn_like(u))


def path(u, velocity, step_size, steps, parts, potential=quartic):
    """Follow a trajectory: where it ends, its velocity, and the change of the energy."""
    gradient, before = potential(u)
    point = PhasePoint(u, velocity, gradient, before)
    size = torch.full((len(u),), step_size).to(u)
    total = torch.zeros(len(u)).to(u)
    for _ in range(steps):
        point, kinetic = integrate(potential, point, size, parts)
        total = total + kinetic
    return point.u, point.velocity, total + point.energy - before


def normal(scale):
    """Return a Pyro program of a normal with these standard deviations."""

    def model():
        pyro.sample("x", dist.Normal(torch.zeros_like(scale), scale).to_event(1))

    return model


def sample(model, *data, seed=0, kind=inference.MCLMC, **options):
    pyro.set_rng_seed(seed)
    return kind(model, **{**SHORT, **options}).fit(data)


@EVERY_INTEGRATOR
def test_a_trajectory_with_reversed_velocity_returns(parts):
    initial, velocity = begin()
    u, there, _ = path(initial, velocity, 0.3, 20, parts)
    assert (u - initial).norm(dim=-1).min() > 0.5
    assert torch.allclose(there.norm(dim=-1), torch.ones(3).double())
    back, turned, _ = path(u, -there, 0.3, 20, parts)
    assert (back - initial).abs().max() < 1e-10
    assert (turned + velocity).abs().max() < 1e-10


def test_a_turn_without_projection_does_not_return(monkeypatch):
    initial, velocity = begin()

    def straight(velocity, gradient, time):
        return unit(velocity - time * gradient / (gradient.shape[-1] - 1)), torch.zeros(
            len(velocity)
        ).to(velocity)

    monkeypatch.setattr("zoo.inference.mcmc.kernels.microcanonical.turn", straight)
    u, there, _ = path(initial, velocity, 0.3, 20, INTEGRATORS["leapfrog"])
    back, _, _ = path(u, -there, 0.3, 20, INTEGRATORS["leapfrog"])
    assert (back - initial).abs().max() > 1e-2


def test_a_turn_solves_its_equation():
    velocity, gradient = begin(chains=4, size=5)[::-1]
    expected, kinetic, steps, time = velocity, 0.0, 2000, 0.9
    for _ in range(steps):
        force = -gradient / 4
        middle = unit(
            expected
            + 0.5
            * time
            / steps
            * (force - (force * expected).sum(-1, keepdim=True) * expected)
        )
        kinetic = kinetic - time / steps * (middle * gradient).sum(-1)
        expected = unit(
            expected
            + time / steps * (force - (force * middle).sum(-1, keepdim=True) * middle)
        )
    turned, change = turn(velocity, gradient, torch.full((4, 1), time).double())
    assert torch.allclose(turned, expected, atol=1e-6)
    assert torch.allclose(change, kinetic, atol=1e-6)


@EVERY_INTEGRATOR
def test_the_energy_error_falls_with_the_square_of_the_step_size(parts):
    initial, velocity = begin()
    errors = torch.stack(
        [path(initial, velocity, 0.8 / n, n, parts)[2].abs() for n in (8, 16, 32)]
    ).log2()
    orders = errors[:-1] - errors[1:]
    assert ((orders > 1.8) & (orders < 2.2)).all(), orders
    u, _, change = path(initial, velocity, 0.8 / 32, 32, parts)
    gained = quartic(u)[1] - quartic(initial)[1]
    assert (
        (2 * gained - change).abs() > 100 * change.abs()
    ).all()  # the kinetic energy's change with a wrong sign


def test_without_refreshment_a_chain_on_a_spherical_target_stays_in_a_plane():
    initial, velocity = begin(chains=2, size=6)
    ranks = []
    for length in (torch.inf, 3.0):
        point, places = PhasePoint(initial, velocity, *quadratic(initial)), []
        size = torch.full((2,), 0.7).double()
        lengths = torch.full((2,), length).double()
        for _ in range(50):
            noise = torch.randn_like(point.u)
            step = langevin(
                quadratic, point, size, lengths, INTEGRATORS["mclachlan"], noise
            )
            point = step.point
            places.append(point.u)
        ranks.append(
            torch.linalg.matrix_rank(torch.stack(places, 1), rtol=1e-8).tolist()
        )
    assert ranks == [[2, 2], [6, 6]]


def test_a_step_to_an_infinite_energy_is_undone():
    def walled(u):
        gradient, energy = quadratic(u)
        return gradient, torch.where(u[:, 0] > 0, torch.inf, energy)

    u = torch.tensor([[-0.1, 0.0, 0.0], [-3.0, 0.0, 0.0]]).double()
    velocity = torch.tensor([[1.0, 0.0, 0.0]]).double().expand(2, -1)
    before = PhasePoint(u, velocity, *quadratic(u))
    size, length = torch.full((2,), 0.5).double(), torch.full((2,), 2.0).double()
    after, change, undone = langevin(
        walled, before, size, length, INTEGRATORS["leapfrog"], torch.randn_like(u)
    )
    assert undone.tolist() == [True, False]
    assert change[0] == 0
    for number in (0, 2, 3):
        assert torch.equal(after[number][0], before[number][0])
        assert not torch.equal(after[number][1], before[number][1])
    assert torch.allclose(after[1].norm(dim=-1), torch.ones(2).double())
    assert not torch.equal(after[1][0], velocity[0])


@pytest.mark.parametrize(
    "scale",
    [
        pytest.param(torch.ones(20), marks=pytest.mark.full),
        pytest.param(torch.ones(200), marks=pytest.mark.full),
        torch.logspace(0, 2, 20),
    ],
    ids=["20", "200", "ill"],
)
@EVERY_KIND
def test_normal_targets(scale, kind):
    chains = sample(
        normal(scale),
        kind=kind,
        num_chains=64,
        warmup_steps=40,
        num_samples=40,
        num_steps=6,
    ).draws["x"]
    chains = chains / scale
    assert off_chains(chains, torch.zeros(len(scale))) < LIMIT
    assert off_chains(chains.square(), torch.ones(len(scale))) < LIMIT
    assert off_chains(chains.square(), torch.full((len(scale),), 1.2)) > LIMIT


def variances(**options):
    """Return the mean variance of a standard normal in 50 dimensions, by chain."""
    run = sample(
        normal(torch.ones(50)),
        num_chains=128,
        warmup_steps=60,
        num_samples=40,
        num_steps=2,
        **options,
    )
    return run.draws["x"].square().mean((1, 2)).double()


@pytest.mark.full
def test_the_bias_falls_with_the_energy_error_and_adjustment_removes_it():
    bias = [
        float((variances(desired_energy_variance=v).mean() - 1).abs())
        for v in (2e-3, 2e-4, 2e-5)
    ]
    assert bias[0] > 1.5 * bias[1] > 1.5 * bias[2], bias
    assert off(variances(kind=inference.MAMS, target_accept_prob=0.7), 1.0) < LIMIT
    assert off(variances(desired_energy_variance=2e-3), 1.0) > LIMIT


@EVERY_KIND
def test_linear_regression(kind):
    torch.manual_seed(1)
    features = torch.randn(20, 4) @ torch.tensor(
        [[1.0, 0.9, 0, 0], [0, 0.4, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2.0]]
    )
    targets = features.sum(-1) + 0.5 * torch.randn(20)

    def model(x, y):
        w = pyro.sample("w", dist.Normal(torch.zeros(4), 1.0).to_event(1))
        pyro.sample("y", dist.Normal(x @ w, 0.5).to_event(1), obs=y)

    reference = exact.linear_posterior(
        features.double(), targets.double(), 0.5, torch.ones(4)
    )
    options = {
        "init": "map",
        "num_chains": 64,
        "warmup_steps": 60,
        "num_samples": 40,
        "num_steps": 6,
    }
    run = sample(
        model,
        features,
        targets,
        kind=kind,
        **options,
    )
    chains = run.draws["w"].double()
    assert off_chains(chains, reference.mean) < LIMIT
    assert (
        off_chains((chains - reference.mean).square(), reference.covariance.diagonal())
        < LIMIT
    )
    assert (
        off_chains(
            (chains - reference.mean).square(), 1 / reference.precision.diagonal()
        )
        > LIMIT
    )  # without correlations


def test_the_funnel_in_its_reparametrised_form():
    def funnel():
        v = pyro.sample("v", dist.Normal(0.0, 3.0))
        z = pyro.sample("z", dist.Normal(torch.zeros(5), 1.0).to_event(1))
        pyro.deterministic("x", z * (0.5 * v).exp())

    run = sample(
        funnel,
        kind=inference.MAMS,
        num_chains=64,
        warmup_steps=60,
        num_samples=40,
        num_steps=6,
    )
    v = run.draws["v"]
    assert off_chains(v, torch.tensor(0.0)) < LIMIT
    assert off_chains(v.square(), torch.tensor(9.0)) < LIMIT
    assert off_chains(v.square(), torch.tensor(6.0)) > LIMIT


def test_the_step_size_settles_at_the_desired_energy_variance():
    tuning = StepSize.at(torch.tensor([10.0, 0.01]))
    for _ in range(30):  # an energy error that is the desired one at step size 0.5
        tuning = tuning.updated((tuning.step_size / 0.5) ** 6, 20, torch.zeros(2))
    assert torch.allclose(tuning.step_size, torch.full((2,), 0.5), rtol=1e-3)
    held = tuning.updated((tuning.step_size / 0.5) ** 6, 20, torch.tensor([0.0, 2.0]))
    assert torch.allclose(held.step_size, torch.tensor([0.5, 0.32]), rtol=1e-3)


def test_the_decoherence_length_comes_from_the_autocorrelation_time():
    torch.manual_seed(0)
    chains = [torch.randn(2, 50)]
    for _ in range(999):
        chains.append(0.6 * chains[-1] + 0.8 * torch.randn(2, 50))
    draws = torch.stack(chains, 1)
    assert torch.allclose(autocorrelation_time(draws), torch.full((2,), 4.0), rtol=0.1)
    before = torch.tensor([1.0, 2.0])
    assert torch.allclose(
        decoherence_length(draws, 5 * before, before), 8 * before, rtol=0.1
    )
    assert torch.equal(decoherence_length(draws[:, :9], before, before), before)
    assert torch.equal(decoherence_length(torch.ones(2, 20, 3), before, before), before)


def test_the_statistics_of_a_run():
    run = sample(normal(torch.ones(50)), num_chains=3, warmup_steps=40, num_samples=30)
    assert torch.equal(run.info.acceptance_rate, torch.ones(3, 30))
    assert not run.info.diverging.any()
    assert len(run.info.n_steps.unique()) == 1
    assert torch.allclose(run.info.lp, normal_log_prob(run.draws["x"]), rtol=1e-4)
    one_gradient = sample(
        normal(torch.ones(50)),
        num_steps=7,
        integrator="leapfrog",
        warmup_steps=3,
        num_samples=3,
    )
    assert (one_gradient.info.n_steps == 7).all()
    adjusted = sample(
        normal(torch.ones(50)),
        num_steps=7,
        kind=inference.MAMS,
        warmup_steps=40,
        num_samples=60,
    )
    assert 0.75 < adjusted.info.acceptance_rate.mean() < 1
    assert adjusted.info.n_steps.min() >= 2
    assert adjusted.info.n_steps.max() <= 26


def normal_log_prob(x):
    return dist.Normal(0.0, 1.0).log_prob(x).sum(-1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"desired_energy_variance": 0.0},
            "desired_energy_variance must be a positive number, not 0.0",
        ),
        (
            {"num_steps": 0},
            "num_steps must be a number of steps, at least 1, or None, not 0",
        ),
        (
            {"integrator": "euler"},
            "integrator must be one of 'leapfrog', 'mclachlan', not 'euler'",
        ),
    ],
)
def test_numbers_out_of_range(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        inference.MCLMC(normal(torch.ones(2)), **options)


def test_one_parameter_is_refused():
    with pytest.raises(
        ValueError,
        match=r"needs a model of at least two parameters, .* use NUTS",
    ):
        sample(normal(torch.ones(1)))
