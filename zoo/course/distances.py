"""Exercises on how far a guide is from the truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared

_STD = 0.5  # of the guide of an exercise, and the error of its mean


def wasserstein(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Check a function that returns the Wasserstein-1 distance of draws (S, N), a scalar."""
    draws, truth = _made_up()
    gaps = draws.sort(0).values - truth.sort(0).values
    std = truth.std(0)
    moved = gaps.abs().mean(0)
    right = (moved / std).mean()
    unsorted = (draws - truth).abs().mean(0)
    means = (draws.mean(0) - truth.mean(0)).abs()

    found = torch.as_tensor(answer(draws, truth))
    if found.dim() > 0:
        return "one number: average over draws and inputs"

    mistakes = {
        "sort the draws at every input: draw s of one is not draw s of the other": (
            unsorted / std
        ).mean(),
        "this is not in standard deviations of the truth": moved.mean(),
        "divide by the standard deviation of the truth, not of the guide": (
            moved / draws.std(0)
        ).mean(),
        "this compares the means alone": (means / std).mean(),
        "take the absolute value before the mean": (gaps.mean(0) / std).mean(),
        "this is Wasserstein-2: take absolute values, not squares": (
            gaps.square().mean(0).sqrt() / std
        ).mean(),
    }
    otherwise = "sort over the draws, subtract, and average the absolute values"
    return compared(found, right, mistakes, otherwise, 1e-2)


def point(answer: float) -> str | None:
    """Check the distance of a point at the mean from a normal, in standard deviations."""
    mistakes = {
        "all draws have to be moved to the point": 0.0,
        "this is the root of the mean square; take the mean of |z|": 1.0,
        "this is the median of |z|; take its mean": 0.6745,
        "both sides count: the density of z is 1 / √(2π) on each": 1
        / math.sqrt(2 * math.pi),
    }
    right = math.sqrt(2 / math.pi)
    return compared(float(answer), right, mistakes, "the mean of |z|, z normal", 1e-2)


def half(answer: float) -> str | None:
    """Check the distance of a normal of half the spread and a mean that is off by a half."""
    z = _normal_quantiles()
    right = (_STD + (_STD - 1) * z).abs().mean()
    mistakes = {
        "both faults move some draws to and fro: the sum is too much": _STD
        + (1 - _STD) * math.sqrt(2 / math.pi),
        "a mean that is off and a spread that is off do not simply add up": 1.0,
        "this is Wasserstein-2, the root of the mean square": math.sqrt(0.5),
        "this is the error of the mean alone": _STD,
        "this is the spread's share alone": _STD * math.sqrt(2 / math.pi),
    }
    otherwise = "subtract the sorted draws: the mean of | 1/2 - z/2 |"
    return compared(float(answer), right, mistakes, otherwise, 2e-2)


def outside(answer: float) -> str | None:
    """Check how often the truth is outside of the central 90 % of draws of half the spread."""
    normal = torch.distributions.Normal(0.0, 1.0)
    bound = normal.icdf(torch.tensor(0.95)) * _STD
    one_side = 1 - normal.cdf(bound)
    mistakes = {
        "this would be so for draws of the right spread": 0.1,
        "this is one of the two ends": one_side,
        "this is how often it is inside": 1 - 2 * one_side,
        "half the spread is not twice the misses": 0.2,
        "the draws are narrower than the truth, not wider": 2
        * (1 - normal.cdf(bound / _STD**2)),
    }
    otherwise = "the band ends at ± 1.645 of its own standard deviation"
    return compared(float(answer), 2 * one_side, mistakes, otherwise, 2e-2)


def _normal_quantiles() -> Tensor:
    """Return 10,000 draws of a standard normal without randomness."""
    probabilities = (torch.arange(10_000).double() + 0.5) / 10_000
    return torch.distributions.Normal(0.0, 1.0).icdf(probabilities)


def _made_up() -> tuple[Tensor, Tensor]:
    """Return draws (S, N) of a made-up guide and of a made-up truth."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([0.5, 1.0, 3.0])
    truth = scale * torch.randn(200, 3, generator=generator) + 1
    draws = 0.6 * scale * torch.randn(200, 3, generator=generator) + 1.3

    return draws, truth
