"""ChEES: exact moments, a length for the slowest direction, one step size for all chains."""

import math

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from exact import TARGETS, normal
from monte_carlo import LIMIT, off_moments, one_thread  # noqa: F401

from zoo import inference
from zoo.inference.mcmc import hmc
from zoo.inference.mcmc.kernels import hamiltonian, learned_length


def sampler(model, **options):
    settings = {
        "num_chains": 8,
        "warmup_steps": 100,
        "num_samples": 100,
        "init": "prior",
        "num_steps": 10,
        "max_steps": 50,
    }
    return inference.ChEES(
        model, **{**settings, "compile": False, "progress": False, **options}
    )


def slow():
    """Return a root of a covariance with one slow direction, of scale 4, not along an axis."""
    direction = torch.nn.functional.normalize(torch.ones(10), dim=0)
    return torch.linalg.cholesky(torch.eye(10) + 15.0 * direction[:, None] * direction)


@pytest.mark.parametrize("name", cases.first(TARGETS, ["ill-conditioned"]))
def test_moments_of_normals_are_exact(name):
    pyro.set_rng_seed(0)
    root = TARGETS[name]
    posterior = sampler(normal(root)).fit(())
    assert off_moments(posterior.draws["z"], root @ root.T) < LIMIT
    assert 0.5 < float(posterior.info.acceptance_rate.mean()) < 0.98


def test_bayesian_linear_regression_is_exact():
    model, (x, y) = cases.linear_regression()
    pyro.set_rng_seed(3)
    draws = sampler(model).fit((x, y)).draws["w"]
    reference = exact.linear_posterior(
        exact.features(x), y.double(), 0.5, torch.ones(3)
    )
    assert off_moments(draws.double() - reference.mean, reference.covariance) < LIMIT


def test_the_reparametrised_funnel_is_exact():
    def funnel():
        neck = pyro.sample("neck", dist.Normal(0.0, 3.0))
        body = pyro.sample("body", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        pyro.deterministic("scaled", (neck / 2).exp() * body)

    pyro.set_rng_seed(1)
    draws = sampler(funnel).fit(()).draws
    z = torch.cat([draws["neck"][..., None], draws["body"]], -1)
    assert off_moments(z, torch.diag(torch.tensor([9.0, 1.0, 1.0]))) < LIMIT


def test_a_kernel_that_accepts_everything_is_rejected(monkeypatch):
    monkeypatch.setattr(
        hamiltonian.Hamiltonian,
        "reasonable_step_size",
        lambda self, step_size: 12 * step_size,
    )
    engine = sampler(normal(torch.eye(3)), num_steps=1, warmup_steps=0, num_samples=300)
    pyro.set_rng_seed(0)
    assert off_moments(engine.fit(()).draws["z"], torch.eye(3)) < LIMIT
    rand = torch.rand_like
    monkeypatch.setattr(hmc.torch, "rand_like", lambda like: rand(like) - 2)
    assert off_moments(engine.fit(()).draws["z"], torch.eye(3)) > LIMIT


def test_the_length_fits_the_slowest_direction():
    lengths = []
    for first in (1, 5):
        pyro.set_rng_seed(0)
        engine = sampler(
            normal(slow()), num_steps=first, warmup_steps=200, num_samples=3
        )
        lengths.append(engine.fit(()).info.trajectory_length)
    quarter = (
        math.pi / 2 * 4 / math.sqrt(2.5)
    )  # of the slow direction's period, where the others' scale is 1
    assert quarter / 1.5 < lengths[1] < 2 * quarter
    assert lengths[0] > quarter / 2.5  # from a single step too, but it takes longer


def hidden(size=100):
    """Return a root of a covariance with one slow direction, of scale 6, among many others."""
    direction = torch.nn.functional.normalize(torch.ones(size), dim=0)
    return torch.linalg.cholesky(
        torch.eye(size) + 35.0 * direction[:, None] * direction
    )


def length_of(root, **options):
    """Return the length that a run on a normal learns."""
    pyro.set_rng_seed(0)
    return (
        sampler(normal(root), num_samples=3, **options).fit(()).info.trajectory_length
    )


def length_among_many(**options):
    settings = {"num_chains": 16, "num_steps": 2, "max_steps": 60, "warmup_steps": 150}
    return length_of(hidden(), **settings, **options)


@pytest.mark.full
def test_the_criterion_of_the_slow_direction_does_not_stop_at_the_others(monkeypatch):
    quarter = math.pi / 2 * 6 / math.sqrt(1.35)
    assert quarter / 1.7 < length_among_many(criterion="snaper") < 2 * quarter

    def stays(direction, centred):
        return direction

    monkeypatch.setattr(learned_length, "principal_direction", stays)
    assert length_among_many(criterion="snaper") < quarter / 2  # a random direction


def test_the_criterion_of_the_slow_direction_is_exact():
    pyro.set_rng_seed(0)
    root = TARGETS["correlated"]
    posterior = sampler(normal(root), criterion="snaper").fit(())
    assert off_moments(posterior.draws["z"], root @ root.T) < LIMIT


def test_gradient_descent_instead_of_ascent_is_rejected(monkeypatch):
    kind = learned_length.LearnedLength
    ascent = kind.criterion_gradient
    monkeypatch.setattr(
        kind, "criterion_gradient", lambda self, rate: -ascent(self, rate)
    )
    pyro.set_rng_seed(0)
    info = (
        sampler(normal(slow()), num_steps=4, warmup_steps=200, num_samples=3)
        .fit(())
        .info
    )
    assert info.trajectory_length < 2.0


def test_all_chains_share_a_step_size_a_length_and_an_even_jitter():
    pyro.set_rng_seed(0)
    info = (
        sampler(normal(TARGETS["ill-conditioned"]), num_chains=3, num_samples=64)
        .fit(())
        .info
    )
    assert info.step_size.shape == (3,)
    assert len(info.step_size.unique()) == 1
    assert torch.equal(info.n_steps[0], info.n_steps[1])
    steps = info.trajectory_length / float(info.step_size[0])
    even = torch.ceil(steps * (torch.arange(64) + 0.5) / 64).clamp(1, 50)
    assert (info.n_steps[0].sort().values - even).abs().max() <= 1 + steps / 32
    assert info.num_gradients >= int(info.n_steps.sum())


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    def fit(path, count):
        pyro.set_rng_seed(0)
        engine = sampler(
            normal(TARGETS["correlated"]),
            warmup_steps=30,
            num_samples=count,
            checkpoint=path,
        )
        return engine.fit(())

    whole = fit(tmp_path / "whole", 12)
    fit(tmp_path / "part", 5)
    resumed = fit(tmp_path / "part", 12)
    assert torch.equal(whole.draws["z"], resumed.draws["z"])
    assert whole.info.trajectory_length == resumed.info.trajectory_length


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"num_chains": 1},
            "differences between chains: num_chains must be at least 2, not 1; use NUTS for",
        ),
        (
            {"num_steps": 0},
            "num_steps must be a number of leapfrog steps, at least 1, not 0",
        ),
        (
            {"max_steps": 0},
            "max_steps must be a number of leapfrog steps, at least 1, not 0",
        ),
        (
            {"criterion": "esjd"},
            "criterion must be one of 'chees', 'snaper', not 'esjd'",
        ),
    ],
)
def test_settings_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        sampler(normal(torch.eye(2)), **options)


def length_of_equal_scales():
    settings = {"num_chains": 4, "num_steps": 30, "max_steps": 100, "warmup_steps": 80}
    return length_of(torch.eye(10), **settings)


@pytest.mark.full
def test_trajectories_are_no_longer_than_half_a_period(monkeypatch):
    assert length_of_equal_scales() < math.pi

    # change that costs nothing, from ten quarters of a period on
    monkeypatch.setitem(learned_length._POWERS, "chees", 0.0)
    monkeypatch.setattr(learned_length, "_QUARTER_PERIOD", 10 * math.pi / 2)
    assert length_of_equal_scales() > 2 * math.pi
