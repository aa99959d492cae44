"""MEADS: exact moments, settings that come from other chains, the slice, resumed runs."""

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from exact import TARGETS, normal
from monte_carlo import LIMIT, off, off_moments, one_thread  # noqa: F401

from zoo import inference
from zoo.inference.mcmc.adaptation.folds import largest_eigenvalue, settings_of_folds
from zoo.inference.mcmc.kernels import generalised, persistent_step


def sampler(model, **options):
    settings = {
        "num_chains": 32,
        "warmup_steps": 60,
        "num_samples": 60,
        "init": "prior",
        "num_steps": 5,
    }
    return inference.MEADS(
        model, **{**settings, "compile": False, "progress": False, **options}
    )


@pytest.mark.parametrize("name", TARGETS)
def test_moments_of_normals_are_exact(name):
    pyro.set_rng_seed(0)
    root = TARGETS[name]
    posterior = sampler(normal(root)).fit(())
    assert off_moments(posterior.draws["z"], root @ root.T) < LIMIT
    assert 0.6 < float(posterior.info.acceptance_rate.mean()) < 1.0


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


def from_their_modes(monkeypatch):
    """Return distances of draws to the modes of chains, which begin there without gradients."""

    def corners():
        sides = dist.Categorical(torch.ones(10, 2))
        centres = torch.tensor([-1.0, 1.0]).expand(10, 2)
        narrow = dist.Normal(centres, 0.05)
        pyro.sample("z", dist.MixtureSameFamily(sides, narrow).to_event(1))

    monkeypatch.setattr("zoo.inference.mcmc.running.initialisation.DESCENT", 300)
    pyro.set_rng_seed(0)
    posterior = sampler(corners, init="map", warmup_steps=200).fit(())
    z = posterior.draws["z"]
    return z - z.sign()


def test_chains_that_begin_at_their_modes_leave_them(monkeypatch):
    assert off(from_their_modes(monkeypatch).square().mean((1, 2)), 0.05**2) < LIMIT


@pytest.mark.full
def test_with_steps_as_long_as_gradients_suggest_they_stay(monkeypatch):
    monkeypatch.setattr(generalised, "_RATE", 0.0)
    with pytest.warns(UserWarning, match="32 of 32 chains .* never moved"):
        assert from_their_modes(monkeypatch).std() < 1e-3


# What would be wrong


def test_folds_of_two_chains_that_set_each_other_are_exact():
    assert off(several_small(), 1.0) < LIMIT


def test_folds_that_set_themselves_are_not(monkeypatch):
    monkeypatch.setattr(generalised, "of_fold_before", lambda settings: settings)
    assert off(several_small(), 1.0) > LIMIT


def several_small():
    """Return the mean variances of many chains in folds of two, by chain."""
    pyro.set_rng_seed(0)
    engine = sampler(
        normal(torch.eye(4)), num_chains=256, num_folds=128, step_factor=1.2
    )
    return engine.fit(()).draws["z"].square().mean((1, 2)).double()


def after_steps(monkeypatch=None, fault=""):
    """Return mean squares (4000,) of chains that begin at a standard normal, after 40 steps."""
    chosen = persistent_step._chosen

    def faulty(accepted, moved, stayed):
        if fault == "slice":  # not divided by the ratio of the densities
            moved = moved._replace(slices=stayed.slices)
        if fault == "momentum":  # not reversed
            stayed = stayed._replace(p=-stayed.p)
        return chosen(accepted, moved, stayed)

    if monkeypatch is not None:
        monkeypatch.setattr(persistent_step, "_chosen", faulty)

    def quadratic(q):
        return q, 0.5 * q.square().sum(-1)

    torch.manual_seed(0)
    q, p = torch.randn(2, 4000, 50)
    ones = torch.ones(4000)
    slices = 2 * torch.rand(4000) - 1
    point = persistent_step.PersistentPoint(q, p, *quadratic(q), slices)
    for _ in range(40):
        point, _ = persistent_step.persistent_step(
            quadratic, point, torch.ones_like(q), 0.8 * ones, 0.05 * ones
        )

    return point.q.square().mean(1).double()


def test_large_steps_leave_the_target_as_it_is():
    assert off(after_steps(), 1.0) < LIMIT


@pytest.mark.parametrize("fault", ["slice", "momentum"])
def test_a_slice_or_a_momentum_that_is_not_updated_is_rejected(monkeypatch, fault):
    assert off(after_steps(monkeypatch, fault), 1.0) > LIMIT


# Settings


def test_the_largest_eigenvalue_is_a_weighted_mean_of_eigenvalues():
    torch.manual_seed(0)
    values = torch.tensor([9.0, 1.0, 1.0, 0.1]).double()
    vectors = torch.randn(1, 1000, 4).double() * values.sqrt()
    weighted = values.square().sum() / values.sum()
    assert abs(float(largest_eigenvalue(vectors)[0] / weighted) - 1) < 0.1
    assert largest_eigenvalue(torch.zeros(2, 3, 4)).isfinite().all()


def test_settings_do_not_depend_on_the_scale_of_the_target():
    torch.manual_seed(0)
    q, scale = torch.randn(3, 16, 5), torch.logspace(-2, 2, 5)
    one = settings_of_folds(q, q, 100, 0.5)
    other = settings_of_folds(q * scale, q / scale, 100, 0.5)
    torch.testing.assert_close(one.step_size, other.step_size)
    torch.testing.assert_close(one.damping, other.damping)
    torch.testing.assert_close(one.scale * scale, other.scale)
    early = settings_of_folds(q, q, 1, 0.5)
    torch.testing.assert_close(early.damping, 1 / early.step_size)


def test_chains_at_one_point_move_apart():
    q = torch.ones(2, 4, 3)
    settings = settings_of_folds(q, q, 1, 0.5)
    assert torch.equal(settings.scale, torch.ones(2, 3))
    assert settings.step_size.isfinite().all()


def test_adaptation_goes_on_and_a_draw_has_a_fixed_number_of_steps():
    pyro.set_rng_seed(0)
    posterior = sampler(normal(torch.eye(3)), num_steps=None, num_samples=20).fit(())
    info = posterior.info
    assert info.n_steps.max() - info.n_steps.min() <= 1  # the fold that waits
    assert 1 < float(info.n_steps.double().mean()) < 20
    assert len(info.step_size.unique()) > 1
    assert info.target_accept_prob is None


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    def fit(path, count):
        pyro.set_rng_seed(0)
        engine = sampler(
            normal(TARGETS["correlated"]),
            num_chains=8,
            warmup_steps=30,
            num_samples=count,
            num_steps=None,
            checkpoint=path,
        )
        return engine.fit(())

    whole = fit(tmp_path / "whole", 12)
    fit(tmp_path / "part", 5)
    resumed = fit(tmp_path / "part", 12)
    assert torch.equal(whole.draws["z"], resumed.draws["z"])
    assert torch.equal(whole.info.step_size, resumed.info.step_size)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"num_chains": 6},
            "must be a multiple of num_folds=4, at least 8, not 6; use NUTS for few chains",
        ),
        ({"num_chains": 4}, "at least 8, not 4"),
        ({"num_folds": 1}, "num_folds must be at least 2, not 1"),
        ({"num_steps": 0}, "num_steps must be at least 1, not 0"),
        ({"step_factor": 0.0}, "step_factor must be a positive number, e.g. 0.5, not"),
    ],
)
def test_settings_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        sampler(normal(torch.eye(2)), **options)
