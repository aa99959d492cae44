"""Deterministic sites of Pyro programs are among the draws; eight schools, centred and not."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off_chains, one_thread  # noqa: F401
from pyro.infer.reparam import LocScaleReparam

from zoo import inference

EFFECTS = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
SHORT = {"warmup_steps": 5, "num_samples": 6, "progress": False, "compile": False}


def eight_schools():
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("schools", 8):
        theta = pyro.sample("theta", dist.Normal(mu, tau))
        pyro.sample("y", dist.Normal(theta, ERRORS), obs=EFFECTS)

    pyro.deterministic("mean", theta.mean())


def not_centred():
    return pyro.poutine.reparam(eight_schools, config={"theta": LocScaleReparam(0.0)})


def exact_moments():
    """Return mean and variance of theta, by quadrature over log tau."""
    log_tau = torch.linspace(-12.0, 7.0, 4000, dtype=torch.float64)
    tau = log_tau.exp()[:, None]
    variance = ERRORS.double() ** 2 + tau**2  # of y given mu

    precision = 1 / 25.0 + (1 / variance).sum(1)
    mu = (EFFECTS / variance).sum(1) / precision
    covariance = torch.diag_embed(variance) + 25.0
    density = torch.distributions.MultivariateNormal(
        torch.zeros(8, dtype=torch.float64), covariance
    ).log_prob(EFFECTS.double())
    log_weight = density - torch.log1p(tau[:, 0] ** 2 / 25.0) + log_tau
    weight = log_weight.softmax(0)[:, None]

    share = tau**2 / variance  # of an effect in the mean of theta
    mean = share * EFFECTS + (1 - share) * mu[:, None]
    spread = share * ERRORS**2 + (1 - share) ** 2 / precision[:, None]
    first = (weight * mean).sum(0)
    second = (weight * (spread + mean**2)).sum(0)

    return first, second - first**2


def test_eight_schools_has_the_exact_moments_of_the_original_site():
    settings = {**SHORT, "warmup_steps": 80, "num_samples": 100}
    options = {"num_chains": 12, "num_steps": 6, "jitter": 0.5, **settings}
    posterior = inference.HMC(not_centred(), **options).fit(())
    assert not posterior.info.diverging.any()

    theta = posterior.draws["theta"].double()
    mean, variance = exact_moments()
    assert off_chains(theta, mean) < LIMIT
    assert off_chains((theta - mean).square(), variance) < LIMIT
    assert off_chains(theta, mean + 1.0) > LIMIT


@pytest.fixture(scope="module")
def posterior():
    return inference.HMC(not_centred(), num_steps=2, num_chains=2, **SHORT).fit(())


def test_deterministic_sites_are_among_the_draws(posterior):
    draws = posterior.draws
    assert set(draws) == {"mu", "tau", "theta_decentered", "theta", "mean"}
    mu, tau = draws["mu"][..., None], draws["tau"][..., None]
    assert torch.allclose(draws["theta"], mu + tau * draws["theta_decentered"])
    assert torch.allclose(draws["mean"], draws["theta"].mean(-1))
    assert posterior.to_arviz().posterior["theta"].shape == (2, 6, 8)


def test_chains_begin_at_draws_with_deterministic_sites(posterior):
    options = {"num_steps": 2, "num_chains": 3, "init": posterior}
    again = inference.HMC(not_centred(), **options, **SHORT).fit(())
    assert again.draws["theta"].shape == (3, 6, 8)


def test_a_program_that_cannot_be_batched_runs_at_one_draw_after_the_other(
    posterior, monkeypatch
):
    def refuse(function, chunk_size):
        raise RuntimeError("no batching rule")

    monkeypatch.setattr("zoo.inference.mcmc.density.deterministic.vmap", refuse)
    pyro.set_rng_seed(3)
    one = inference.HMC(not_centred(), num_steps=2, num_chains=2, **SHORT).fit(())
    expected = one.draws["theta_decentered"] * one.draws["tau"][..., None]
    assert torch.allclose(one.draws["theta"], expected + one.draws["mu"][..., None])
