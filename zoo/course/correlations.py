"""Exercises on the correlations of weights that a mean field loses."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared, is_near

_RHO = 0.9  # of two of three weights
_INPUTS = (1.0, 2.0, 6.0)
_NUM_WEIGHTS = 151


def scales(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function that returns the scales of a mean field from a covariance, (P,)."""
    root = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.6, 0.9, 0.3]]).double()
    covariance = root @ root.T
    of_precision = torch.linalg.inv(covariance).diagonal()
    alone = covariance.diagonal()

    found = torch.as_tensor(answer(covariance))
    if found.shape != of_precision.shape:
        return "one standard deviation for each weight, (P,)"

    mistakes = {
        "these are the weights alone; a mean field has them given the others": (
            alone.sqrt()
        ),
        "these are variances of the weights alone": alone,
        "these are variances: take the root": 1 / of_precision,
        "these are precisions: take 1 over the root": of_precision,
        "this is the root of the precision: take its inverse": of_precision.sqrt(),
        "invert the whole matrix first, then take the diagonal": alone.rsqrt(),
    }
    return compared(found, of_precision.rsqrt(), mistakes, "1 / √Λ_ii")


def lost(answer: float) -> str | None:
    """Check how many nats a mean field loses on three weights, of which two are correlated."""
    right = -0.5 * math.log(1 - _RHO**2)
    if is_near(answer, -right):
        return "a loss is positive here: it is a divergence"

    mistakes = {
        "the half is missing": 2 * right,
        "these are bits": right / math.log(2),
        "the correlation is squared": -0.5 * math.log(1 - _RHO),
        "the scales of the weights do not matter: it is a ratio": (
            right + math.log(2 * 5)
        ),
        "two weights are correlated once: count the pair, not its members": 3 * right,
    }
    return compared(answer, right, mistakes, "which weights lose anything?", 1e-2)


def shift(answer: float) -> str | None:
    """Check the number that makes slope and bias of a line independent."""
    mean = sum(_INPUTS) / len(_INPUTS)
    mistakes = {
        "this is the median": sorted(_INPUTS)[1],
        "this is the middle of the range": (_INPUTS[0] + _INPUTS[-1]) / 2,
        "without a shift they are correlated": 0.0,
        "it is subtracted, not added": -mean,
    }
    return compared(answer, mean, mistakes, "when is Λ diagonal? Look at Σ x")


def num_parameters(answer: float) -> str | None:
    """Check how many numbers a normal of all weights has."""
    number = _NUM_WEIGHTS
    pairs = number * (number - 1) // 2
    mistakes = {
        "the means are missing": number + pairs,
        "a covariance is symmetric: count each pair once": number + number**2,
        "a covariance is symmetric, and the means are missing": number**2,
        "these are the correlations; means and variances are missing": pairs,
        "this is a mean field": 2 * number,
    }
    right = 2 * number + pairs
    return compared(answer, right, mistakes, "means, variances, and pairs", 1e-6)
