"""Two hidden layers of rectified units: a posterior whose density has kinks."""

from __future__ import annotations

from torch import nn

from zoo import likelihoods, networks, priors
from zoo.datasets import toy
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.problems.runs import hamiltonian_and_microcanonical


def relu() -> Problem:
    r"""Forty points of a noisy sinusoid under two hidden layers of 20 rectified units.

    .. math:: y = \sin(\pi x) + \epsilon, \quad \epsilon \sim N(0, 0.3^2)

    Functions are stored on a grid over [-3, 3]. The data lie in [-2, 2], in two groups
    with a gap between them. Outside of the data the functions are lines.

    References:
        Rectified linear units improve restricted Boltzmann machines (Nair, Hinton, 2010)
        'In-Between' Uncertainty in Bayesian Neural Networks (Foong, Li, Hernández-Lobato,
        Turner, 2019)

    Example:
        >>> truth = zoo.references.load("relu")
        >>> truth.model.network.activation2
        ReLU()
    """
    noise = 0.3
    data = toy.sinusoid(noise=noise)

    network = networks.MLP(1, 1, hidden=[20, 20], activation=nn.ReLU)
    prior = priors.WeightPrior(priors.fan_in(2**0.5, bias_scale=1.0))
    likelihood = likelihoods.Gaussian(noise)
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    inputs = data.test.x[::2]
    distances = (inputs - data.train.x.T).abs()  # to every datum
    away = distances.min(-1).values > noise

    return Problem(
        name="relu",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=None,
        runs=runs,
        source="artificial, zoo.datasets.toy.sinusoid(noise=0.3); no licence needed",
    )
