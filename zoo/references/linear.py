"""Linear regression, whose posterior is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import pyro.distributions as dist
import torch
from torch.distributions import MultivariateNormal

from zoo import likelihoods, networks, priors
from zoo.data import Data
from zoo.datasets import toy
from zoo.datasets.toy import LinearDataset
from zoo.inference import NUTS
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.references.problem import Problem, beyond
from zoo.references.runs import CHAINS

NUM_TEST, NUM_AWAY = 40, 20


@dataclass
class Exact:
    """Independent draws of the posterior in closed form.

    Arguments:
        model: The model.
        data: The data set, which knows its posterior.
        num_samples: Draws of each of four chains.
    """

    model: BayesianNetwork
    data: LinearDataset
    num_samples: int

    def fit(self, data: Data) -> DrawsPosterior:
        """Draw; the data are those that the closed form is of."""
        exact = MultivariateNormal(self.data.exact.mean, self.data.exact.covariance)
        draws = exact.sample((CHAINS, self.num_samples)).float()
        values = {
            "layer1.weight": draws[..., None, :-1],
            "layer1.bias": draws[..., -1:],
        }
        return DrawsPosterior(self.model, state={}, info=None, draws=values)


def linear() -> Problem:
    r"""Fifty points of linear regression, known noise: the exact posterior beside NUTS, for the tests.

    .. math:: w \sim N(0, I), \quad y \sim N(x w + b, 0.5^2)

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3
    """
    data = toy.linear()
    prior = priors.WeightPrior(dist.Normal(0.0, data.prior_scale))
    model = BayesianNetwork(
        networks.MLP(data.train.x.shape[1], 1, hidden=[]),
        prior,
        likelihoods.Gaussian(data.noise),
    )
    inputs = torch.cat([data.test.x[:NUM_TEST], beyond(data.train.x, NUM_AWAY)])
    away = torch.arange(len(inputs)) >= NUM_TEST
    sampler = NUTS(
        model, num_chains=CHAINS, warmup_steps=500, num_samples=1000, full_mass=True
    )
    runs = {"exact": Exact(model, data, 1000), "NUTS": sampler}
    evidence = float(data.exact.log_evidence)
    return Problem(
        "linear",
        1,
        model,
        data,
        inputs,
        away,
        data.test.y[:NUM_TEST],
        runs,
        log_evidence=evidence,
    )
