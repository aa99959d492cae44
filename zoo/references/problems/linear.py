"""Linear regression, whose posterior is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import pyro.distributions as dist
from torch.distributions import MultivariateNormal

from zoo import likelihoods, networks, priors
from zoo.data import Data
from zoo.datasets import toy
from zoo.datasets.toy import LinearDataset
from zoo.inference import NUTS
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.references.problem import Problem, inputs_away_from, near_and_far
from zoo.references.problems.runs import NUM_CHAINS

_NUM_TEST = 40
_NUM_AWAY = 20


def linear() -> Problem:
    r"""Fifty points of linear regression with known noise: exact draws and NUTS, for the tests.

    .. math:: w \sim N(0, I), \quad y \sim N(x w + b, 0.5^2)

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3

    Example:
        >>> truth = zoo.references.load("linear")
        >>> round(truth.log_evidence, 2)
        -49.21
    """
    data = toy.linear()
    num_inputs = data.train.x.shape[1]

    network = networks.MLP(num_inputs, 1, hidden=[])
    weight = dist.Normal(0.0, data.prior_scale)
    prior = priors.WeightPrior(weight)
    likelihood = likelihoods.Gaussian(data.noise)
    model = BayesianNetwork(network, prior, likelihood)

    nuts = NUTS(
        model,
        num_chains=NUM_CHAINS,
        warmup_steps=500,
        num_samples=1000,
        full_mass=True,
    )
    exact = _ExactSampler(model, data, num_samples=1000)

    far = inputs_away_from(data.train.x, _NUM_AWAY)
    x, y = data.test
    inputs, away = near_and_far(x[:_NUM_TEST], far)

    return Problem(
        name="linear",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=y[:_NUM_TEST],
        runs={"exact": exact, "NUTS": nuts},
        log_evidence=float(data.exact.log_evidence),
        source="artificial, zoo.datasets.toy.linear(); no licence needed",
    )


@dataclass
class _ExactSampler:
    """An engine that draws independent samples of the posterior in closed form.

    Arguments:
        model: The model.
        data: The data set, which holds its exact posterior.
        num_samples: Number of draws of each of four chains.
    """

    model: BayesianNetwork
    data: LinearDataset
    num_samples: int

    def fit(self, data: Data) -> DrawsPosterior:
        """Return draws of the exact posterior; the argument is ignored."""
        exact = self.data.exact
        distribution = MultivariateNormal(exact.mean, exact.covariance)
        shape = (NUM_CHAINS, self.num_samples)
        samples = distribution.sample(shape).float()  # (C, S, P)

        weight = samples[..., None, :-1]
        bias = samples[..., -1:]
        draws = {"layer1.weight": weight, "layer1.bias": bias}
        return DrawsPosterior(self.model, state={}, info=None, draws=draws)
