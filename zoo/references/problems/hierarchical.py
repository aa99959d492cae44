"""Weights whose scale is random too, sampled in coordinates that are independent of it."""

from __future__ import annotations

import pyro.distributions as dist

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, regression
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem, inputs_away_from, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_NUM_TEST = 40
_NUM_AWAY = 20


def hierarchical() -> Problem:
    r"""The diabetes table of scikit-learn under ten units and a random scale for each tensor.

    .. math:: s_l \sim \text{HalfNormal}(1), \quad w_l = s_l z_l, \quad z_l \sim N(0, I), \quad
        \sigma \sim \text{HalfNormal}(1), \quad y \sim N(f(x; w), \sigma^2)

    The sites are the scales s and the standardised weights z: weights given a small scale
    form a funnel, which no sampler with one step size explores. Functions are stored at 40
    test inputs, and at 20 training inputs that are moved to three times their distance
    from the mean.

    References:
        Hamiltonian Monte Carlo for Hierarchical Models (Betancourt, Girolami, 2015)
        Least Angle Regression (Efron, Hastie, Johnstone, Tibshirani, 2004)

    Example:
        >>> truth = zoo.references.load("hierarchical")
        >>> [site for site in truth.weights if site.startswith("prior:")][:2]
        ['prior:layer1.bias.scale', 'prior:layer1.weight.scale']
    """
    data = _diabetes()

    network = networks.MLP(10, 1, hidden=[10])
    scale = dist.HalfNormal(1.0)
    prior = priors.WeightPrior(priors.Hierarchical(scale, centred=False))
    likelihood = likelihoods.Gaussian(dist.HalfNormal(1.0))
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model, target_accept_prob=0.98)

    near = data.test.x[:_NUM_TEST]
    far = inputs_away_from(data.train.x, _NUM_AWAY)
    inputs, away = near_and_far(near, far)

    return Problem(
        name="hierarchical",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=data.test.y[:_NUM_TEST],
        runs=runs,
        num_weights=100,
        source="Diabetes, 442 patients, Efron, Hastie, Johnstone, Tibshirani (2004), in "
        "scikit-learn (BSD 3-Clause); the table itself states no licence and is not copied",
    )


def _diabetes() -> Dataset:
    """Return the table, split at random and standardised."""
    from sklearn.datasets import load_diabetes  # here, because it is slow to import

    x, y = load_diabetes(return_X_y=True)
    return regression(x, y)
