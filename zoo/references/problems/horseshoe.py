"""Sparse regression: few of many coefficients matter, under a horseshoe prior."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from pyro.infer.reparam import LocScaleReparam
from torch import Tensor

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split, Units
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem, inputs_away_from, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_COEFFICIENTS = (2.0, -1.5, 1.0, 0.5)  # of the first inputs; those of the others are 0
_NUM_INPUTS = 20
_NUM_TRAIN = 60
_NUM_TEST = 40
_NUM_AWAY = 20


def horseshoe() -> Problem:
    r"""Sixty points of linear regression, 20 inputs of which four matter, regularised horseshoe.

    .. math:: w_j = s_j z_j, \quad z_j \sim N(0, 1), \quad
        s_j^2 = \frac{c^2 \tau^2 \lambda_j^2}{c^2 + \tau^2 \lambda_j^2}, \quad
        \tau \sim C^+(0, 0.1), \quad \lambda_j \sim C^+(0, 1)

    The sites are the scales and the standardised weights z. Functions are stored at 40
    test inputs, and at 20 training inputs that are moved to three times their distance
    from the mean.

    References:
        The horseshoe estimator for sparse signals (Carvalho, Polson, Scott, 2010)
        Sparsity information and regularization in the horseshoe and other shrinkage priors
        (Piironen, Vehtari, 2017)

    Example:
        >>> truth = zoo.references.load("horseshoe")
        >>> weights = truth.weight_posterior.draws["layer1.weight"]  # (1, 800, 1, 20)
        >>> sizes = weights.abs().mean((0, 1, 2))
        >>> int((sizes > 0.5).sum())  # the inputs that matter
        4
    """
    data = _sparse()

    network = networks.MLP(_NUM_INPUTS, 1, hidden=[])
    rule = priors.by_name(
        {"layer1.bias": dist.Normal(0.0, 1.0)},
        otherwise=priors.RegularisedHorseshoe(0.1),
    )
    independent = {"layer1.weight": LocScaleReparam(0.0)}
    prior = priors.Reparameterised(priors.WeightPrior(rule), independent)
    likelihood = likelihoods.Gaussian(dist.HalfNormal(1.0))
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(
        model, num_samples=2000, target_accept_prob=0.98
    )

    near = data.test.x
    far = inputs_away_from(data.train.x, _NUM_AWAY)
    inputs, away = near_and_far(near, far)

    return Problem(
        name="horseshoe",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=data.test.y,
        runs=runs,
        num_weights=400,
        source="artificial, drawn by the problem's own code; no licence needed",
    )


def _sparse() -> Dataset:
    """Draw the two parts."""
    random = torch.Generator().manual_seed(0)
    coefficients = torch.zeros(_NUM_INPUTS, 1)
    coefficients[: len(_COEFFICIENTS), 0] = torch.tensor(_COEFFICIENTS)

    train = _draw(_NUM_TRAIN, coefficients, random)
    test = _draw(_NUM_TEST, coefficients, random)

    return Dataset(
        "sparse regression",
        train,
        test,
        x_units=Units.identity(train.x),
        y_units=Units.identity(train.y),
    )


def _draw(size: int, coefficients: Tensor, random: torch.Generator) -> Split:
    """Draw inputs (size, D) and targets (size, 1) with a noise of scale 1.

    Products are added one by one, because a matrix product rounds differently on other
    processors, and the file of the reference is of these very numbers.
    """
    x = torch.randn(size, len(coefficients), generator=random)
    errors = torch.randn(size, 1, generator=random)
    means = torch.zeros_like(errors)
    for column, coefficient in zip(x.T, coefficients, strict=True):
        means = means + column[:, None] * coefficient

    return Split(x, means + errors)
