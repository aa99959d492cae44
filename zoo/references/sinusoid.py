"""The sinusoid with a gap: how doubt grows between two groups of points."""

from __future__ import annotations

from zoo import likelihoods, networks, priors
from zoo.datasets import toy
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.runs import hamiltonian_and_microcanonical


def sinusoid() -> Problem:
    r"""Forty points of a noisy sinusoid in two groups under a network of 50 units, for the pictures in courses.

    .. math:: y = \sin(\pi x) + \epsilon, \quad \epsilon \sim N(0, 0.1^2)

    Functions are kept on a grid over [-3, 3]; the data lie in [-2, 2], but for the gap
    in their middle.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015), section 5.2
    """
    data = toy.sinusoid()
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=2.0))
    model = BayesianNetwork(
        networks.MLP(1, 1, hidden=[50]), prior, likelihoods.Gaussian(0.1)
    )
    inputs = data.test.x[::2]
    away = (inputs - data.train.x.T).abs().min(-1).values > 0.3
    runs = hamiltonian_and_microcanonical(model, warmup_steps=1000, num_samples=2000)
    return Problem("sinusoid", 1, model, data, inputs, away, None, runs)
