"""Fits of linear regression, whose posterior has a closed form, in double precision."""

from typing import NamedTuple

import exact
import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import likelihoods, networks, priors

NOISE, PRIOR_SCALE, NUM_DATA = 0.5, 0.4, 10


class Linear(NamedTuple):
    """A linear model with data, and the closed form of its posterior."""

    model: zoo.BayesianNetwork
    data: tuple[torch.Tensor, torch.Tensor]
    exact: exact.LinearPosterior
    noise: float = NOISE

    def posterior(self, w):
        """Return a posterior with one draw, at coefficients w (P,), the bias last."""
        draws = {name: value[None, None] for name, value in self.weights(w).items()}
        return zoo.posterior.DrawsPosterior(
            self.model, draws=draws, state={}, info=None
        )

    def weights(self, w):
        """Return the weights of coefficients w (P,) by name."""
        return {"layer1.weight": w[None, :-1], "layer1.bias": w[-1:]}

    def rise(self, w):
        """Return how far the negative log posterior is above its minimum, in nats per datum."""
        away = w - self.exact.mean
        return 0.5 * ((away @ self.exact.precision) * away).sum(-1) / NUM_DATA


@pytest.fixture
def linear():
    """Make the model and its data."""
    x = torch.randn(NUM_DATA, 3, dtype=torch.float64)
    y = x @ torch.randn(3, 1, dtype=torch.float64) + 0.3
    y = y + NOISE * torch.randn_like(y)
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[]).double(),
        priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE)),
        likelihoods.Gaussian(NOISE),
    )
    closed = exact.linear_posterior(
        exact.features(x), y[:, 0], NOISE, torch.tensor(PRIOR_SCALE)
    )
    return Linear(model, (x, y), closed)
