"""Exercises on what dropout, SGD, ensembles and Laplace approximations compute."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared

_SIGMA = 0.5  # of the noise, in the check of an ensemble


def dropout(answer: float) -> str | None:
    """Check the rate at which draws of mean 2 have the standard deviation 1."""
    mistakes = {
        "p / (1 - p) is a quarter, not p": 0.25,
        "this is the probability of keeping a unit": 0.8,
        "the standard deviation is M √(p / (1 - p)): without the root it is another rate": 1
        / 3,
        "at one half the standard deviation is M": 0.5,
    }
    otherwise = "solve M √(p / (1 - p)) = 1"
    return compared(float(answer), 0.2, mistakes, otherwise, 1e-2)


def rate(answer: float) -> str | None:
    """Check the rate at which SGD has the variance of the posterior."""
    number, curvature, batch = 2000, 4.0, 16
    right = 2 * batch / (number * curvature)
    mistakes = {
        "the two is missing: the variance is η / (2B)": right / 2,
        "this is the variance of the posterior": 1 / (number * curvature),
        "the curvature of one datum: N data have N h": 2 * batch / curvature,
        "standard deviations are not variances": 2
        * batch
        / math.sqrt(number * curvature),
        "B is missing: larger batches have less noise": 2 / (number * curvature),
        "the curvature is missing": 2 * batch / number,
    }
    otherwise = "set both variances equal, and solve for η"
    return compared(float(answer), right, mistakes, otherwise, 1e-2)


def member(answer: Callable[..., Tensor]) -> str | None:
    """Check a function that returns the weight of a member of an ensemble, a scalar."""
    generator = torch.Generator().manual_seed(0)
    x, y, noise = torch.randn(3, 20, generator=generator)
    anchor = torch.tensor(1.5)
    found = torch.as_tensor(answer(x, y, noise, anchor, _SIGMA))
    if found.dim() > 0:
        return "one weight, a scalar"

    def minimum(targets: Tensor, pull: Tensor | float, variance: float) -> Tensor:
        return (x @ targets / variance + pull) / (x @ x / variance + 1)

    noisy = y + _SIGMA * noise
    right = minimum(noisy, anchor, _SIGMA**2)
    mistakes = {
        "this is the mode, the same for all members": minimum(y, 0.0, _SIGMA**2),
        "the weight decay pulls to a, not to zero": minimum(noisy, 0.0, _SIGMA**2),
        "the targets have no noise of their own": minimum(y, anchor, _SIGMA**2),
        "the noise of the targets has a standard deviation, sigma": minimum(
            y + noise, anchor, _SIGMA**2
        ),
        "divide the squares by the variance of the noise": minimum(
            noisy, anchor, _SIGMA
        ),
        "the squares of the targets are divided by a variance": minimum(
            noisy, anchor, 1.0
        ),
        "this has no weight decay": x @ noisy / (x @ x),
    }
    return compared(found, right, mistakes, "set the derivative by w to zero", 1e-3)


def five(answer: float) -> str | None:
    """Check the share of a posterior between the lowest and the highest of five draws."""
    mistakes = {
        "a sixth draw can be lower than the lowest, or higher than the highest": 1.0,
        "there are six places for a sixth draw, and two of them are outside": 0.8,
        "five draws are too few for their 90 %": 0.9,
        "this is the share outside": 1 / 3,
        "one of the two ends was left out": 5 / 6,
    }
    otherwise = "a sixth draw: at which of the six places among them may it be?"
    return compared(float(answer), 2 / 3, mistakes, otherwise, 1e-2)
