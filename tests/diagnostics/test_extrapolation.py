"""Extrapolation: the uncertainty of linear regression grows with distance as in closed form."""

import pyro
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors, references
from zoo.diagnostics import extrapolation
from zoo.posterior.draws_posterior import DrawsPosterior

REFERENCE = references.load(references.linear)
X, EXACT = REFERENCE.data.train.x, REFERENCE.data.exact


def exact_std(covariance, factor):
    """Return the mean standard deviation of linear functions at inputs pushed out by a factor."""
    pushed = X.mean(0) + factor * (X - X.mean(0))
    features = torch.cat([pushed, torch.ones(len(X), 1)], -1).double()
    return float(((features @ covariance) * features).sum(-1).sqrt().mean())


def exact_posterior(scale=1.0, count=4000):
    torch.manual_seed(0)
    draws = (
        torch.distributions.MultivariateNormal(EXACT.mean, scale**2 * EXACT.covariance)
        .sample((1, count))
        .float()
    )
    sites = {"layer1.weight": draws[..., None, :-1], "layer1.bias": draws[..., -1:]}
    return DrawsPosterior(REFERENCE.model, state={}, info=None, draws=sites)


def test_the_uncertainty_is_that_of_the_closed_form():
    pyro.set_rng_seed(0)
    found = extrapolation(exact_posterior(), X, factors=(1, 4, 16), num_samples=4000)
    prior = REFERENCE.data.prior_scale**2 * torch.eye(
        len(EXACT.mean), dtype=torch.float64
    )
    for number, factor in enumerate((1, 4, 16)):
        assert float(found.epistemic[number]) == pytest.approx(
            exact_std(EXACT.covariance, factor), rel=0.05
        )
        assert float(found.prior[number]) == pytest.approx(
            exact_std(prior, factor), rel=0.05
        )
    half = extrapolation(exact_posterior(0.5), X, factors=(1, 4, 16), num_samples=4000)
    torch.testing.assert_close(
        half.epistemic, 0.5 * found.epistemic, rtol=0.05, atol=0.0
    )
    assert "prior's" in str(found)
    assert len(found.plot().lines) == 2


def test_a_point_is_sure_everywhere():
    moons = references.moons()
    posterior = inference.SVI(
        moons.model, guides.Delta(moons.model), num_steps=3, progress=False
    ).fit(moons.data.train)
    found = extrapolation(posterior, moons.data.train.x, num_samples=20)
    assert float(found.epistemic.abs().max()) < 1e-5
    assert float(found.prior.min()) > 0.05  # nats


def test_what_has_no_functions_elsewhere_is_refused():
    with pytest.raises(
        ValueError,
        match="draws functions at new inputs, but this posterior has no weights",
    ):
        extrapolation(REFERENCE.posterior, X)
    flat = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[]),
        priors.WeightPrior(priors.LogUniform()),
        likelihoods.Gaussian(0.5),
    )
    posterior = inference.SVI(
        flat, guides.MeanField(flat), num_steps=1, progress=False
    ).fit((X[:, :3], X[:, :1]))
    with pytest.raises(ValueError, match="is improper and has no draws"):
        extrapolation(posterior, X[:, :3])
