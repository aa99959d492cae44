"""The cubic: twenty points of x^3 and honest doubt beyond them."""

from __future__ import annotations

from zoo import likelihoods, networks, priors
from zoo.datasets import toy
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.runs import hamiltonian_and_microcanonical


def cubic() -> Problem:
    r"""Twenty points of a noisy cubic under a network of 100 units, for the pictures in courses.

    .. math:: y = x^3 + \epsilon, \quad \epsilon \sim N(0, 3^2), \quad x, y \text{ standardised}

    Functions are kept on a grid over [-6, 6]; the data lie in [-4, 4].

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015), section 5.1
    """
    data = toy.cubic(standardise=True)
    noise = 3.0 / float(data.y_units.scale)
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=2.0))
    model = BayesianNetwork(
        networks.MLP(1, 1, hidden=[100]), prior, likelihoods.Gaussian(noise)
    )
    inputs = data.test.x[::2]
    away = inputs[:, 0].abs() > data.train.x.abs().max()
    runs = hamiltonian_and_microcanonical(model, warmup_steps=1000, num_samples=2000)
    return Problem("cubic", 1, model, data, inputs, away, None, runs)
