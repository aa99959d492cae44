"""With the default rates, scales end at their closed forms, for twenty seeds."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors

ONES = torch.ones(60, 1)
PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))


def fitted_scale(likelihood, **known):
    """Return the standard deviation of a mean of sixty data, fitted as in the contract."""
    noise = known.get("scale", torch.ones(60, 1))
    targets = 1 + noise * torch.randn(60, 1)
    model = zoo.BayesianNetwork(nn.Linear(1, 1, bias=False), PRIOR, likelihood)
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=1500, progress=False)
    posterior = engine.fit((ONES, targets), **known)
    return posterior.distributions()["weight"].stddev.item()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_the_scale_of_a_mean_is_within_15_percent(seed):
    pyro.set_rng_seed(seed)
    noise = 0.1 + 2 * torch.rand(60, 1)
    exact = (1 + (1 / noise**2).sum()).rsqrt().item()
    scale = fitted_scale(likelihoods.Gaussian(scale="given"), scale=noise)
    assert scale == pytest.approx(exact, rel=0.15)

    weights = torch.full((60,), 0.5)
    scale = fitted_scale(likelihoods.Gaussian(1.0), weights=weights)
    assert scale == pytest.approx((1 + 30) ** -0.5, rel=0.15)
