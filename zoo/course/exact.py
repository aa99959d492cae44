"""Exercises on the exact posterior of linear regression."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.course.check import compared, is_near

_NOISE = 0.5
_HALF_WIDTH = 2.0  # inputs are uniform between minus this and this
_SMALL = 0.01
_FORMULAS = (True, False, True, False, True, False)
_REASONS = (
    "1: sines are features like any other",
    "2: labels have no normal noise",
    "3: given the other layers, a last layer is a linear model",
    "4: a product of two random weights is not linear in them",
    "5: each datum adds to the precision, by its own noise",
    "6: its log density is not quadratic in the weights",
)

Solver = Callable[[Tensor, Tensor, float, float], tuple[Tensor, Tensor]]


def posterior(answer: Solver) -> str | None:
    """Check a function that returns mean and covariance of a linear model's weights."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(7, 3, generator=generator).double()
    y = torch.randn(7, generator=generator).double()
    noise, scale = 0.5, 3.0

    mean, covariance = answer(features, y, noise, scale)
    if tuple(covariance.shape) != (3, 3):
        return "the covariance has a row and a column for each weight, (P, P)"

    gram = features.T @ features
    right = _covariance(gram, noise**2, scale**2)
    mistakes = {
        "this is the precision, the inverse of the covariance": torch.linalg.inv(right),
        "noise is a standard deviation: the precision has its square": _covariance(
            gram, noise, scale**2
        ),
        "scale is a standard deviation: the prior's precision is 1 / scale²": _covariance(
            gram, noise**2, scale
        ),
        "the prior's precision is the inverse of its variance": _covariance(
            gram, noise**2, scale**-2
        ),
        "this is the likelihood alone: add the prior": torch.linalg.inv(
            gram / noise**2
        ),
    }
    wrong = compared(covariance, right, mistakes, "the covariance is another one")
    if wrong is not None:
        return wrong

    if tuple(mean.shape) != (3,):
        return "the covariance is right; the mean has one number for each weight, (P,)"
    if is_near(mean, torch.linalg.solve(gram, features.T @ y)):
        return "the covariance is right; this mean is MLE, without the prior"
    if is_near(mean, right @ features.T @ y):
        return "the covariance is right; the mean lacks the variance of the noise"

    otherwise = "the covariance is right, the mean is not"
    return compared(mean, right @ features.T @ y / noise**2, {}, otherwise)


def data_needed(answer: float) -> str | None:
    """Check how many data make the standard deviation of a slope small."""
    mean_square = _HALF_WIDTH**2 / 3
    right = _NOISE**2 / (_SMALL**2 * mean_square)
    mistakes = {
        "this is for the intercept: a slope is seen through x": right * mean_square,
        "standard deviations fall with the root of N": right**0.5,
        "a mean square of x, not the largest": _NOISE**2 / (_SMALL**2 * _HALF_WIDTH**2),
        "noise is a standard deviation: take its square": _NOISE
        / (_SMALL**2 * mean_square),
        "the mean of x² over [-2, 2] is not that over [-1, 1]": 3
        * _NOISE**2
        / _SMALL**2,
    }
    otherwise = "each datum adds x² / noise² to the precision of the slope"
    return compared(answer, right, mistakes, otherwise, 0.03)


def observation(answer: float) -> str | None:
    """Check the standard deviation of the next observation of a line."""
    slope, both, intercept = 0.04, 0.01, 0.02
    x = 3.0
    function = slope * x**2 + 2 * x * both + intercept
    right = math.sqrt(function + _NOISE**2)
    mistakes = {
        "this is the variance": function + _NOISE**2,
        "this is that of the function; an observation has noise": math.sqrt(function),
        "noise is a standard deviation: add its square": math.sqrt(function + _NOISE),
        "w and b are correlated": math.sqrt(slope * x**2 + intercept + _NOISE**2),
        "the covariance counts twice": math.sqrt(function - x * both + _NOISE**2),
        "the variance of w x has x²": math.sqrt(
            slope * x + 2 * x * both + intercept + _NOISE**2
        ),
    }
    otherwise = "the variance of w x + b, and then that of the noise"
    return compared(answer, right, mistakes, otherwise, 2e-3)


def has_formula(answer: Sequence[bool]) -> str | None:
    """Check which of six models have a posterior in closed form."""
    given = tuple(bool(each) for each in answer)
    if len(given) != len(_FORMULAS):
        return f"{len(_FORMULAS)} booleans, one for each model"

    for ours, theirs, reason in zip(_FORMULAS, given, _REASONS, strict=True):
        if ours != theirs:
            return f"think again about {reason}"

    return None


def _covariance(gram: Tensor, noise_variance: float, prior_variance: float) -> Tensor:
    """Return the inverse of the precision of likelihood and prior."""
    prior = torch.eye(len(gram), dtype=gram.dtype) / prior_variance
    return torch.linalg.inv(gram / noise_variance + prior)
