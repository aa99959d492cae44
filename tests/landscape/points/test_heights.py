"""The negative log posterior at draws, in closed form on linear regression."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, landscape, likelihoods, priors

NUM_DRAWS = 2_000


def test_draws_of_a_normal_posterior_stand_half_a_nat_a_weight_above_the_mode(linear):
    known = linear.exact
    normal = torch.distributions.MultivariateNormal(known.mean, known.covariance)
    w = normal.sample((NUM_DRAWS,))
    draws = {"layer1.weight": w[None, :, None, :-1], "layer1.bias": w[None, :, -1:]}
    posterior = zoo.posterior.DrawsPosterior(
        linear.model, draws=draws, state={}, info=None
    )
    found = landscape.heights(posterior, linear.data, NUM_DRAWS)
    mode = landscape.heights(linear.posterior(known.mean), linear.data)
    above = found.values - mode.values
    assert torch.allclose(above, torch.stack([linear.rise(one) for one in w]))

    size, num_data = len(known.mean), len(linear.data[0])
    error = (
        math.sqrt(size / 2) / num_data / math.sqrt(NUM_DRAWS)
    )  # of chi-squared over two
    z = (float(above.mean()) - size / 2 / num_data) / error
    assert abs(z) < 4.5
    wrong = (float(above.mean()) - size / num_data) / error  # without the half
    assert abs(wrong) > 20


@pytest.mark.parametrize("batch_norm", ["recompute", "carry"])
def test_heights_of_a_network_with_batch_normalisation(batch_norm):
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    data = torch.randn(9, 2), torch.randn(9, 1)
    engine = inference.SVI(model, guides.Delta(model), num_steps=5, progress=False)
    fit = engine.fit(data)
    found = landscape.heights(fit, data, 2, batch_norm=batch_norm)
    line = landscape.line(fit, fit, data, 2, batch_norm=batch_norm)
    assert torch.allclose(found.values, line.values)
    assert found.test_error is None
