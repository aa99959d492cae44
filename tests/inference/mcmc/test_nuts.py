"""NUTS: exact targets, trees distributed as Pyro's, and wrong trees that are rejected."""

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, apart, off, off_chains, one_thread  # noqa: F401
from pyro.infer.mcmc import NUTS as PyroNUTS
from torch.distributions import MultivariateNormal

from zoo import inference
from zoo.inference.mcmc.adaptation.mass_matrix import METRICS
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels import no_u_turn, tree_batch
from zoo.inference.mcmc.kernels import tree as trees
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.hamiltonian import kinetic_energy
from zoo.inference.mcmc.kernels.no_u_turn import NoUTurn
from zoo.inference.mcmc.kernels.turns import Turns
from zoo.inference.mcmc.kernels.u_turn import (
    LeafSlots,
    leaf_slots,
    shifted_position,
    turns_back,
)


def quiet(done, text):
    """Show no progress."""


def normal(size, scale=1.0):
    """Return a program of one normal vector."""

    def model():
        pyro.sample("x", dist.Normal(torch.zeros(size), scale).to_event(1))

    return model


def kernel(q, step_size, depth=10, kind=NoUTurn, model=None, compile="traced"):
    """Make a kernel at q with a given step size."""
    potential = Potential(model or normal(q.shape[1]))
    options = KernelOptions(target_accept_prob=0.8, compile=compile, calls=10**6)
    with potential.program.running():
        made = kind(potential, q, options, depth)
    made.state["step_size"] = torch.full((len(q),), step_size)
    return made


def moved(step_size=0.9, size=3, chains=4000, draws=3, **options):
    """Move exact draws by a few transitions: they stay exact if the kernel is right."""
    made = kernel(torch.randn(chains, size), step_size, **options)
    with made.potential.program.running():
        return made.draw(draws, quiet)


def farthest(block):
    """Return the error of a standard normal's mean, variance and energy, in standard errors."""
    q = block.q[:, -1]
    size = q.shape[1]
    return max(
        off(q, 0.0),
        off(q.square(), 1.0),
        off(q.square().sum(-1).square(), float(size * (size + 2))),
    )


@pytest.mark.parametrize(("step_size", "size"), [(0.9, 3), (0.4, 2), (1.4, 5)])
def test_exact_draws_stay_exact(step_size, size):
    block = moved(step_size, size)
    assert farthest(block) < LIMIT
    assert torch.allclose(
        block.info.lp, dist.Normal(0.0, 1.0).log_prob(block.q).sum(-1), atol=1e-4
    )


class EvenWeights(NoUTurn):
    """Chooses a leaf with equal probabilities."""

    def grown(self, rows, mass_matrix, uniform):
        def even(*start):
            u, p, gradient, _ = self.leapfrog(*start, *mass_matrix)
            return u, p, gradient, rows.tree.initial_energy - kinetic_energy(p)

        return rows.tree.grown(even, rows.step_size, uniform)


class WrongEnd(NoUTurn):
    """Grows the new subtree from the far end."""

    def grown(self, rows, mass_matrix, uniform):
        tree = rows.tree

        def away(u, p, gradient, step):
            begins = ((tree.subtree_leaves == 0) & tree.growing)[:, None]
            u = torch.where(begins, tree.far_u, u)
            p = torch.where(begins, tree.far_p, p)
            gradient = torch.where(begins, tree.far_gradient, gradient)
            return self.leapfrog(u, p, gradient, step, *mass_matrix)

        return tree.grown(away, rows.step_size, uniform)


def test_a_wrong_choice_of_leaves_is_rejected():
    assert farthest(moved(1.4, 5, kind=EvenWeights)) > LIMIT


WRONG = {
    "one side": (
        "turns_back",
        lambda first_p, _, displacement: (displacement * first_p).sum(-1) <= 0,
    ),
    "no subtrees": (
        "leaf_slots",
        lambda leaf, count: LeafSlots(
            leaf_slots(leaf, count).slot, torch.zeros(len(leaf), count).bool()
        ),
    ),
}


SCALE = torch.tensor([1.0, 3.0, 6.0])


def sizes(draws):
    """Return moments of acceptance and log tree size, and the shares of depths 2 to 5."""
    n_steps, rate = draws.T
    depth = (n_steps + 1).log2()
    full = torch.stack([depth.ceil() == number for number in range(2, 6)], -1).double()
    whole = (depth == depth.ceil()).double()
    return torch.cat(
        [torch.stack([depth, depth**2, rate, rate**2, whole], -1), full], -1
    )


@pytest.fixture(scope="module")
def pyros():
    """Trees of Pyro's kernel, each from an exact draw: leapfrog steps and acceptance, (S, 2)."""
    pyro.set_rng_seed(1)
    steps = 0

    def energy(z):
        nonlocal steps
        steps += 1
        return 0.5 * (z["x"] / SCALE).square().sum()

    sampler = PyroNUTS(
        potential_fn=energy,
        step_size=0.8,
        adapt_step_size=False,
        adapt_mass_matrix=False,
    )
    sampler.initial_params = {"x": torch.zeros(3)}
    sampler.setup(0)
    found = []
    for _ in range(300):
        sampler.clear_cache()
        accepted, number, before = sampler._mean_accept_prob, sampler._t, steps
        sampler.sample({"x": SCALE * torch.randn(3)})
        rate = sampler._mean_accept_prob * (number + 1) - accepted * number
        found.append((steps - before - 1, float(rate)))
    return torch.tensor(found, dtype=torch.float64)


def ours(kind=NoUTurn):
    made = kernel(SCALE * torch.randn(2000, 3), 0.8, model=normal(3, SCALE), kind=kind)
    with made.potential.program.running():
        info = made.draw(1, quiet).info
    n_steps, rate = info.n_steps[:, 0], info.acceptance_rate[:, 0]
    return torch.stack([n_steps.double(), rate.double()], -1)


def test_trees_are_as_large_as_pyros(pyros):
    assert apart(sizes(ours()), sizes(pyros)) < LIMIT


@pytest.mark.parametrize("wrong", WRONG)
def test_trees_that_miss_a_turn_are_rejected(wrong, pyros, monkeypatch):
    monkeypatch.setattr(trees, *WRONG[wrong])
    assert apart(sizes(ours()), sizes(pyros)) > LIMIT


def test_trees_that_grow_from_the_wrong_end_are_rejected(pyros):
    assert apart(sizes(ours(WrongEnd)), sizes(pyros)) > LIMIT


def test_the_displacement_of_shifted_positions_is_the_sum_of_momenta():
    u, p, step = (
        torch.randn(1, 4).double(),
        torch.randn(1, 4).double(),
        torch.tensor([-0.3]).double(),
    )
    momenta, points = [p], [u]
    for _ in range(6):  # of a quartic potential, whose gradient is u³
        half = p - 0.5 * step * u**3
        u = u + step * half
        p = half - 0.5 * step * u**3
        momenta.append(p)
        points.append(u)
    rho = sum(momenta) - 0.5 * (momenta[0] + momenta[-1])
    first = shifted_position(points[0], points[0] ** 3, step)
    last = shifted_position(points[-1], points[-1] ** 3, step)
    assert torch.allclose(last - first, step * rho)
    assert bool(turns_back(rho, rho, rho)) is False
    assert bool(turns_back(rho, -rho, rho)) is True


def test_every_block_of_leaves_is_checked_when_it_is_complete():
    count, kept = 5, {}
    for leaf in range(2**count):
        slot, completes = (
            part.flatten().tolist() for part in leaf_slots(torch.tensor([leaf]), count)
        )
        expected = [
            leaf + 1 - 2**power
            for power in range(1, count + 1)
            if (leaf + 1) % 2**power == 0
        ]
        assert sorted(
            kept[number] for number, done in enumerate(completes) if done
        ) == sorted(expected)
        assert (slot[0] < count) == (leaf % 2 == 0)
        kept[slot[0]] = leaf


@pytest.mark.parametrize(("step_size", "diverges"), [(0.9, False), (60.0, True)])
def test_a_large_energy_error_is_a_divergence(step_size, diverges):
    info = moved(step_size, chains=50, draws=2).info
    assert info.diverging.all() if diverges else not info.diverging.any()
    assert not diverges or (info.n_steps == 1).all()


@pytest.mark.parametrize("depth", [1, 3])
def test_a_trajectory_is_no_longer_than_its_depth_allows(depth):
    block = moved(0.01, chains=4000, depth=depth)
    assert block.info.n_steps.max() == 2**depth - 1
    assert (
        block.info.n_steps == 2**depth - 1
    ).double().mean() > 0.99  # a few momenta are almost zero
    assert farthest(block) < LIMIT


class Counted:
    """The program of a kernel, and how many steps it has taken."""

    def __init__(self, program, most=10**9):
        self.program, self.most, self.num_steps = program, most, 0

    def __call__(self, *inputs):
        if self.num_steps >= self.most:
            raise KeyboardInterrupt
        self.num_steps += self.program.repetition.num_steps(inputs)
        return self.program(*inputs)

    def __getattr__(self, name):
        return getattr(self.program, name)


def test_chains_do_not_wait_and_gradients_are_counted():
    made = kernel(torch.randn(5, 3), 0.5)
    before = made.num_gradients
    made.state["step_size"] = torch.tensor([0.05, 0.5, 0.5, 0.5, 0.5])
    made.steps = Counted(made.steps)
    with made.potential.program.running():
        steps = made.draw(20, quiet).info.n_steps
    assert made.steps.num_steps == steps.sum(1).max()
    assert made.num_gradients - before == steps.sum()


def with_rows(monkeypatch, rows):
    """Let chains take turns in a few rows."""
    monkeypatch.setattr(no_u_turn, "rows_of_trees", lambda q, widest: rows)


class Mixed(Turns):
    """Gives a row the position of a chain with the energy and the gradient of another one."""

    def _take(self, rows):
        others = {name: self.rows[name].clone() for name in ("energy", "gradient")}
        super()._take(rows)
        for name, value in others.items():
            self.rows[name].copy_(value)


@pytest.mark.parametrize("kind", [Turns, Mixed])
def test_chains_that_take_turns_are_exact(kind, monkeypatch):
    with_rows(monkeypatch, 1500)
    monkeypatch.setattr(tree_batch, "Turns", kind)
    assert (farthest(moved(1.4, 5)) < LIMIT) == (kind is Turns)


def uneven_steps(made, draws):
    """Count the steps of draws of five chains, one of which has longer trees than the others."""
    made.state["step_size"] = torch.tensor([0.2, 0.5, 0.5, 0.5, 0.5])
    before, made.steps = made.num_gradients, Counted(made.steps)
    with made.potential.program.running():
        steps = made.draw(draws, quiet).info.n_steps
    assert made.num_gradients - before == steps.sum()
    return steps


def test_rows_are_hardly_idle_if_chains_take_turns(monkeypatch):
    with_rows(monkeypatch, 2)
    made = kernel(torch.randn(5, 3), 0.5)
    steps = uneven_steps(made, 80)
    needed = steps.sum()
    longest = steps.sum(1).max()  # calls of five rows, without turns
    assert needed <= 2 * made.steps.num_steps < 1.1 * needed
    assert 5 * longest > 1.5 * needed


def test_turns_do_not_change_who_adapts_to_what(monkeypatch):
    with_rows(monkeypatch, 2)
    made = kernel(torch.randn(5, 3), 0.5)
    made.state["scale"] = 10.0 ** torch.arange(5)[:, None] * torch.ones(5, 3)
    made.state["u"] = made.state["u"] / made.state["scale"]
    with made.potential.program.running():
        made.draw(70, quiet, adapting=True)
    in_units_of_the_target = made.averaging.average * made.state["scale"][:, 0]
    assert (in_units_of_the_target > 0.3).all()
    assert (in_units_of_the_target < 3.0).all()
    energy = made.potential.energies(made.q)
    assert torch.allclose(energy, made.state["energy"], atol=1e-4)


@pytest.mark.parametrize("rows", [2, 4])
def test_a_kernel_continues_from_its_state(rows, monkeypatch):
    with_rows(monkeypatch, rows)
    made = kernel(torch.randn(4, 3), 0.5)
    with made.potential.program.running():
        made.draw(3, quiet, adapting=True)
        state = {name: value.clone() for name, value in made.state.items()}
        pyro.set_rng_seed(2)
        first = made.draw(3, quiet, adapting=True)
        other = kernel(torch.zeros(4, 3), 1.0)
        other.state = state
        pyro.set_rng_seed(2)
        second = other.draw(3, quiet, adapting=True)
    assert torch.equal(first.q, second.q)
    assert torch.equal(made.step_size, other.step_size)
    assert torch.equal(made.q, first.q[:, -1])


def test_traced_and_plain_chains_are_equal_to_the_bit():
    found = []
    for way in ("plain", "traced", "traced"):
        pyro.set_rng_seed(3 + len(found) // 2)
        engine = inference.NUTS(
            normal(2),
            num_chains=3,
            warmup_steps=10,
            num_samples=5,
            init="prior",
            compile=way,
            progress=False,
        )
        found.append(engine.fit(()).draws["x"])
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])


def test_ctrl_c_keeps_the_draws_that_all_chains_have():
    def stop(done, text):
        if done >= 3:
            raise KeyboardInterrupt

    made = kernel(torch.randn(3, 2), 0.5)
    before = made.num_gradients
    made.state["step_size"] = torch.tensor([0.5, 0.5, 0.05])
    with made.potential.program.running():
        block = made.draw(10, stop)
    assert isinstance(block.ended_by, KeyboardInterrupt)
    assert block.q.shape == (3, 3, 2)
    assert {value.shape for value in block.info.named().values()} == {(3, 3)}
    assert (
        made.num_gradients - before > block.info.n_steps.sum()
    )  # those of incomplete draws too
    with made.potential.program.running():
        assert made.draw(2, quiet).ended_by is None


def test_ctrl_c_between_two_draws_keeps_those_before():
    made = kernel(torch.randn(3, 2), 0.5)
    made.steps = Counted(made.steps, most=50)
    before = made.num_gradients
    with made.potential.program.running():
        block = made.draw(1000, quiet)
    assert 0 < block.q.shape[1] < 50
    assert int(block.info.n_steps.min()) > 0
    assert made.num_gradients - before == 3 * 50


def test_ctrl_c_before_the_first_draw_keeps_none():
    made = kernel(torch.randn(3, 2), 0.5)
    made.steps = Counted(made.steps, most=0)
    with made.potential.program.running():
        block = made.draw(10, quiet)
    assert isinstance(block.ended_by, KeyboardInterrupt)
    assert block.q.shape == (3, 0, 2)


def fit(model, *arguments, chains=16, warmup=60, samples=60, **options):
    """Sample with a warm-up that adapts everything."""
    options = {
        "init": "prior",
        "compile": "traced",
        "progress": False,
        "shared_mass": True,
    } | options
    engine = inference.NUTS(
        model, num_chains=chains, warmup_steps=warmup, num_samples=samples, **options
    )
    return engine.fit(arguments)


def off_moments(draws, mean, variance):
    """Return the error of mean and variance of chains (C, S, P), in standard errors."""
    return max(off_chains(draws, mean), off_chains((draws - mean).square(), variance))


@pytest.mark.filterwarnings("ignore:NUTS.*max_tree_depth:UserWarning")
@pytest.mark.parametrize("metric", cases.first(METRICS, ["fisher"]))
def test_an_ill_conditioned_normal(metric):
    scale = torch.logspace(0.0, 3.0, 4)
    correlation = torch.full((4, 4), 0.5) + 0.5 * torch.eye(4)
    target = MultivariateNormal(10.0 * scale, scale[:, None] * correlation * scale)

    def model():
        pyro.sample(
            "x", dist.MultivariateNormal(target.loc, scale_tril=target.scale_tril)
        )

    options = {"warmup": 40, "max_tree_depth": 5, "metric": metric}
    if metric == "variance":  # needs more draws than with gradients
        options |= {"warmup": 60, "max_tree_depth": 6}
    draws = fit(model, chains=32, samples=40, **options).draws["x"].double()
    assert off_moments(draws, target.loc, target.variance) < LIMIT
    assert off_moments(draws, target.loc, 1.5 * target.variance) > LIMIT


def test_neals_funnel_reparametrised():
    def model():
        v = pyro.sample("v", dist.Normal(0.0, 3.0))
        z = pyro.sample("z", dist.Normal(torch.zeros(4), 1.0).to_event(1))
        pyro.deterministic("x", (v / 2).exp() * z)

    draws = fit(model, warmup=60).draws
    v, z = draws["v"].double(), draws["z"].double()
    log_x = (v[..., None] / 2 + z.abs().log()).flatten(2)
    mean_log = torch.tensor(
        -0.5 * (torch.tensor(2.0).log() + 0.5772157).item()
    ).double()  # E[log |z|]
    assert off_moments(v, torch.tensor(0.0), torch.tensor(9.0)) < LIMIT
    assert off_moments(z, torch.zeros(4), torch.ones(4)) < LIMIT
    assert off_moments(log_x, mean_log, torch.tensor(torch.pi**2 / 8 + 9.0 / 4)) < LIMIT
    assert off_moments(v, torch.tensor(0.0), torch.tensor(4.0)) > LIMIT


@pytest.mark.parametrize("mass_rank", [pytest.param(0, marks=pytest.mark.full), 2])
def test_bayesian_linear_regression(mass_rank):
    x = torch.randn(20, 2)
    y = x @ torch.tensor([1.0, -2.0]) + 0.3 * torch.randn(20)
    posterior = exact.linear_posterior(
        exact.features(x), y.double(), 0.3, torch.tensor(1.0)
    )

    def model(features, y):
        w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        with pyro.plate("data", len(y)):
            pyro.sample("y", dist.Normal(features @ w, 0.3), obs=y)

    features = exact.features(x).float()
    draws = fit(model, features, y, mass_rank=mass_rank).draws["w"].double()
    variance = posterior.covariance.diagonal()
    assert off_moments(draws, posterior.mean, variance) < LIMIT
    assert off_moments(draws, posterior.mean, 1.5 * variance) > LIMIT
    assert off_moments(draws, posterior.mean + 0.25 * variance.sqrt(), variance) > LIMIT


def test_the_depth_is_at_least_one():
    with pytest.raises(
        ValueError,
        match="max_tree_depth must be a number of doublings, at least 1, not 0",
    ):
        inference.NUTS(normal(2), max_tree_depth=0)


@pytest.mark.filterwarnings(
    "ignore:.torch.jit:DeprecationWarning"
)  # torch's compiler about itself
def test_compiled_trees_are_exact():
    made = kernel(torch.randn(4000, 3), 0.9)
    made.steps.settle("compiled")
    with made.potential.program.running():
        assert farthest(made.draw(3, quiet)) < LIMIT
    assert made.mode == "compiled"


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_rows_of_compiled_trees_are_hardly_idle_if_chains_take_turns(monkeypatch):
    with_rows(monkeypatch, 2)
    made = kernel(torch.randn(5, 3), 0.5, compile="compiled")
    with made.potential.program.running():
        made.draw(2, quiet)  # which says how the program runs
    needed = uneven_steps(made, 320).sum()
    assert needed <= 2 * made.steps.num_steps < 1.2 * needed


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_compiled_chains_that_take_turns_are_exact(monkeypatch):
    with_rows(monkeypatch, 1500)
    made = kernel(torch.randn(4000, 5), 1.4, compile="compiled")
    with made.potential.program.running():
        made.draw(1, quiet)
        assert farthest(made.draw(3, quiet)) < LIMIT
        block = made.draw(64, quiet)
    assert farthest(block) < LIMIT
    energy = made.potential.energies(made.q)
    assert torch.allclose(energy, made.state["energy"], atol=1e-4)


def test_rows_of_compiled_trees_are_hardly_idle():
    made = kernel(torch.randn(3, 3), 0.5, compile="compiled")
    made.steps = Counted(made.steps)
    with made.potential.program.running():
        steps = made.draw(400, quiet).info.n_steps
    longest = int(steps.sum(1).max())
    assert longest <= made.steps.num_steps < 1.1 * longest


@pytest.mark.gpu
def test_trees_on_a_gpu_are_exact():
    made = moved()
    with torch.device("cuda"):
        block = moved(compile="auto")
    assert block.q.is_cuda
    assert farthest(block) < LIMIT
    assert (
        apart(
            block.info.n_steps[:, 0].double().cpu(),
            made.info.n_steps[:, 0].double(),
        )
        < LIMIT
    )
