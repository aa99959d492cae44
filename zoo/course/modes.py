"""Exercises on the modes of a posterior, and on what is around them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared, is_near
from zoo.datasets.toy.conjugate import linear_posterior

_NOISE = 0.5  # standard deviation of the targets of the line


def line(answer: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str | None:
    """Check a function of x and y that returns mean and covariance of slope and intercept."""
    x, y = _points(6)
    found = answer(x, y)
    if len(found) != 2:
        return "return two things, the mean and the covariance"

    mean, covariance = found
    if tuple(covariance.shape) != (2, 2):
        return "the covariance is 2 by 2: slope and intercept"

    features = _features(x)
    gram = features.T @ features
    prior = torch.eye(2)
    right = linear_posterior(features, y.squeeze(-1), _NOISE, 1.0)
    square = "0.5 is a standard deviation, and the precision has its square"
    mistakes = {
        "this is the precision, the inverse of the covariance": right.precision,
        "this is the likelihood alone: add the prior": torch.linalg.inv(
            gram / _NOISE**2
        ),
        "the noise is missing": torch.linalg.inv(gram + prior),
        square: torch.linalg.inv(gram / _NOISE + prior),
    }
    wrong = compared(
        covariance, right.covariance, mistakes, "the covariance is another"
    )
    if wrong is not None:
        return wrong
    if tuple(mean.shape) != (2,):
        return "the mean has two numbers, slope and intercept"

    return compared(mean, right.mean, {}, "the covariance is right, the mean is not")


def same_functions(answer: float) -> str | None:
    """Check the number of weight vectors that are one function of three tanh units."""
    mistakes = {
        "tanh is odd: a unit's sign can change too": 6,
        "units can also change places": 8,
        "count orders, not pairs of units": 3 * 8,
        "the mode itself is one of them": 47,
    }
    return compared(answer, 48, mistakes, "orders of the units, and signs of each")


def dimension(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function of x that returns the effective dimension of the line."""
    x, _ = _points(12)
    features = _features(x)
    curvature = torch.linalg.eigvalsh(features.T @ features / _NOISE**2)
    mean_loss, no_noise = curvature / len(x), curvature * _NOISE**2
    right = _effective(curvature)

    mistakes = {
        "alpha belongs to the sum over data, not to its mean": _effective(mean_loss),
        "the noise is missing": _effective(no_noise),
        "this is what the prior decides": 2 - right,
        "the curvature has no prior in it": _effective(curvature + 1),
    }
    found = answer(x)
    if not 0 < float(found) < 2:
        return "it is between 0 and the number of weights"

    return compared(
        found, right, mistakes, "the matrix is that of exercise 1, without prior"
    )


def height(answer: Callable[[int, int], float]) -> str | None:
    """Check a function of P and N: nats per datum of normal draws above their mode."""
    mistakes = {
        "these are nats of all data, not per datum": 15.0,
        "twice too much: the density has a half": 0.3,
        "P is the number of weights, N that of data": 100 / 60,
    }
    return compared(
        answer(30, 100), 0.15, mistakes, "P squares, a half of each, N data"
    )


def between(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function of (R, S, N, O) that returns the share of variance between runs."""
    probs = _runs()
    found = torch.as_tensor(answer(probs))
    if found.numel() != 1:
        return "one share: sum over inputs and classes"
    if not 0 <= float(found) <= 1:
        return "a share is between 0 and 1"

    unbiased = _parts(probs, correction=1)  # Bessel's correction is no mistake
    if is_near(found, unbiased[0] / sum(unbiased), 0.01):
        return None

    means, within = _parts(probs, correction=0)
    right = means / (means + within)
    roots = means.sqrt() / (means.sqrt() + within.sqrt())
    mistakes = {
        "this share lies within the runs": 1 - right,
        "variances add up, standard deviations do not": roots,
        "the total is both parts together": means / within,
    }
    return compared(found, right, mistakes, "total = between + within", 0.01)


def _parts(probs: Tensor, correction: int) -> tuple[Tensor, Tensor]:
    """Return the variance between runs and that within them, of probs (R, S, N, O)."""
    means = probs.mean(1).var(0, correction=correction).sum()
    within = probs.var(1, correction=correction).mean(0).sum()

    return means, within


def _effective(eigenvalues: Tensor) -> Tensor:
    """Return the effective dimension under a prior of precision 1."""
    return (eigenvalues / (eigenvalues + 1)).sum()


def _points(number: int) -> tuple[Tensor, Tensor]:
    """Return points of a line, (N, 1) each, which are not those of the lesson."""
    generator = torch.Generator().manual_seed(0)
    x = 4 * torch.rand(number, 1, generator=generator) - 2
    noise = _NOISE * torch.randn(number, 1, generator=generator)

    return x, 0.3 * x + 0.7 + noise


def _features(x: Tensor) -> Tensor:
    """Return the inputs (N, 1) with a column of ones, (N, 2)."""
    return torch.cat([x, torch.ones_like(x)], -1)


def _runs() -> Tensor:
    """Return class probabilities (R, S, N, O) of made-up runs, which differ."""
    generator = torch.Generator().manual_seed(0)
    each = torch.randn(5, 20, 40, 10, generator=generator)
    run = torch.randn(5, 1, 40, 10, generator=generator)
    logits = 2 * each + run

    return logits.softmax(-1).double()
