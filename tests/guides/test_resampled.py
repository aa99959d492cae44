"""Importance resampling: the posterior at many candidates, and its bound on the evidence."""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import likelihoods, priors
from zoo.inference.svi.elbo import elbo
from zoo.runtime.sites import draw_with_divergence

NOISE = 0.5


@pytest.fixture
def problem():
    """A line through correlated points, which a mean field cannot represent."""
    torch.manual_seed(0)
    x = 1 + 0.5 * torch.randn(10, 1)
    y = x + NOISE * torch.randn(10, 1)
    model = zoo.BayesianNetwork(
        nn.Sequential(nn.Linear(1, 1)),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(NOISE),
    )
    features = torch.cat([x, torch.ones(10, 1)], -1).double()
    known = exact.linear_posterior(features, y[:, 0].double(), NOISE, 1.0, 0.0)
    return model, (x, y), known


def at_the_optimum(model, known):
    """Return a mean field that has the moments of the posterior, but not its correlation."""
    guide = guides.MeanField(model)
    scale = known.covariance.diagonal().sqrt().float()
    with torch.no_grad():
        for index, name in enumerate(["0.weight", "0.bias"]):
            guide.loc[name].fill_(known.mean[index].float())
            guide.rho[name].copy_(scale[index].expm1().log())
    return guide


def resampled(problem, number):
    model, data, known = problem
    return guides.Resampled(
        model,
        make=lambda _, example: at_the_optimum(model, known),
        num_candidates=number,
        example=data,
    )


def test_more_candidates_come_closer_to_the_posterior_and_to_the_evidence(problem):
    _, _, known = problem
    pyro.set_rng_seed(0)
    scales = known.covariance.diagonal().sqrt()
    correlation = (known.covariance[0, 1] / scales.prod()).item()
    found, gaps = [], []
    for number in (1, 10, 50):
        guide = resampled(problem, number)
        draws = guide.draw_many(1000)
        joined = torch.cat([draws["0.weight"][:, 0], draws["0.bias"]], -1).double()
        found.append(torch.corrcoef(joined.T)[0, 1].item())
        bound, error = guide.evidence_bound(80)
        assert bound < known.log_evidence.item() + 4 * error
        gaps.append(known.log_evidence.item() - bound)
    assert correlation < -0.7
    assert abs(found[0]) < 0.13  # four errors: the candidates have none
    assert found[2] == pytest.approx(correlation, abs=0.06)
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.1


def test_the_stated_densities_give_the_bound_of_the_draws(problem):
    model, (x, y), _ = problem
    guide = resampled(problem, 10)
    pyro.set_rng_seed(0)
    with torch.no_grad(), pyro.validation_enabled(False):
        stated = []
        for _ in range(100):
            values, divergence = draw_with_divergence(model, guide)
            output = model.output(values, x)
            fit = dist.Normal(output, NOISE).log_prob(y).sum()
            stated.append(fit - divergence)
    stated = torch.stack(stated)
    bound, error = guide.evidence_bound(80)
    total = (stated.var().item() / 100 + error**2) ** 0.5
    assert abs(stated.mean().item() - bound) < 4 * total

    losses = torch.stack([elbo(model, guide, x, y) for _ in range(100)])
    assert losses.mean() < bound  # that of a fit is the looser one of its candidates


def test_the_number_of_candidates_and_a_density_are_checked(problem):
    model = problem[0]
    with pytest.raises(ValueError, match="num_candidates must be at least 1, not 0"):
        guides.Resampled(model, num_candidates=0)
    with pytest.raises(ValueError, match=r"Delta has none; write e\.g\. make=guides"):
        guides.Resampled(model, make=guides.Delta)
