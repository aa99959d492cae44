"""Noise that depends on the input: a network with a mean and a scale."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split, Units
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_NUM_TRAIN = 60
_NUM_TEST = 30
_LIMIT = 2.0  # the data lie in [-2, 2]


def heteroscedastic() -> Problem:
    r"""Sixty points whose noise grows from left to right, under 20 units and two outputs.

    .. math:: y = \sin(2 x) + s(x) \epsilon, \quad
        s(x) = 0.2 + 0.1 \, (x + 2)^2 / 4, \quad \epsilon \sim N(0, 1)

    The first output is the mean, the second the scale through a softplus. Functions are
    stored at 30 test inputs and on a grid over [-3, 3].

    References:
        Estimating the mean and variance of the target probability distribution (Nix,
        Weigend, 1994)

    Example:
        >>> truth = zoo.references.load("heteroscedastic")
        >>> noise = truth.posterior.predict(truth.inputs).aleatoric[:, 0]
        >>> x = truth.inputs[:, 0]
        >>> noise[x > 1].mean() > 3 * noise[x.abs() < 1].mean()
        tensor(True)
    """
    data = _growing_noise()

    network = networks.MLP(1, 2, hidden=[20])
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=1.0))
    likelihood = likelihoods.HeteroscedasticGaussian()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    x, y = data.test
    grid = torch.linspace(-3.0, 3.0, 31).unsqueeze(-1)
    inputs = torch.cat([x, grid])
    away = inputs[:, 0].abs() > _LIMIT

    return Problem(
        name="heteroscedastic",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=y,
        runs=runs,
        source="artificial, drawn by the problem's own code; no licence needed",
    )


def _growing_noise() -> Dataset:
    """Draw the two parts, (N, 1) each."""
    random = torch.Generator().manual_seed(0)
    train = _draw(_NUM_TRAIN, random)
    test = _draw(_NUM_TEST, random)
    units = Units.identity(train.y)

    return Dataset("growing noise", train, test, x_units=units, y_units=units)


def _draw(size: int, random: torch.Generator) -> Split:
    """Draw inputs and targets (size, 1)."""
    uniform = torch.rand(size, 1, generator=random)
    x = _LIMIT * (2 * uniform - 1)
    errors: Tensor = torch.randn(size, 1, generator=random)
    scale = 0.2 + 0.1 * (x + _LIMIT).square() / 4

    return Split(x, torch.sin(2 * x) + scale * errors)
