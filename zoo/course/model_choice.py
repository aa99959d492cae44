"""Exercises on the choice of a model: evidence, leave-one-out, held-out data."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared

_NUM_WEIGHTS = 9


def wider(answer: float) -> str | None:
    """Check how much the log evidence changes under a prior that is ten times as wide."""
    right = -_NUM_WEIGHTS * math.log(10)
    mistakes = {
        "a wider prior has a lower density where the data want the weights": -right,
        "each weight pays": -math.log(10),
        "these are powers of ten, not nats": -float(_NUM_WEIGHTS),
        "the scale grows by ten, not the variance": right / 2,
        "the scale grows by ten, and its logarithm counts once": 2 * right,
    }
    return compared(answer, right, mistakes, "log N(w; 0, s²) holds -log s", 1e-2)


def loo(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function of log p(y_n | w_s), (S, N), that returns log p(y_n | the others), (N,)."""
    generator = torch.Generator().manual_seed(0)
    pointwise = torch.randn(200, 8, generator=generator) - 1
    log_number = math.log(len(pointwise))
    right = log_number - (-pointwise).logsumexp(0)

    found = answer(pointwise)
    if tuple(found.shape) != (8,):
        return "one number for each datum, (N,)"

    mistakes = {
        "this is the density of data that the draws have seen": pointwise.logsumexp(0)
        - log_number,
        "average densities, not their logarithms": pointwise.mean(0),
        "the sign: take the inverse of the mean of the inverses": -right,
        "a mean, not a sum over draws": right - log_number,
        "return its logarithm": right.exp(),
    }
    return compared(found, right, mistakes, "the weights of draws are 1 / p(y_n | w_s)")


def difference_error(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Check a function of two models' scores (N,) that returns the error of their difference."""
    generator = torch.Generator().manual_seed(0)
    shared = 3 * torch.randn(50, generator=generator)
    a = shared + torch.randn(50, generator=generator)
    b = shared + torch.randn(50, generator=generator)
    root = math.sqrt(50)
    each = (a - b).std()
    right = root * each

    found = torch.as_tensor(answer(a, b))
    if found.numel() != 1:
        return "one number, in nats"

    mistakes = {
        "this takes the models as independent, but they have the same data": root
        * (a.var() + b.var()).sqrt(),
        "this is the error of the mean; the difference is of sums": each / root,
        "this is the spread of one datum's difference": each,
        "this is a variance": right**2,
    }
    return compared(found, right, mistakes, "a sum of N differences", 0.02)


def model_probs(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function of log evidences (M,) that returns posterior probabilities (M,)."""
    log_evidence = torch.tensor([-1002.0, -1000.0, -1003.5], dtype=torch.double)
    right = log_evidence.softmax(0)

    found = answer(log_evidence)
    if tuple(found.shape) != (3,):
        return "one probability for each model, (M,)"
    if not found.isfinite().all():
        return "exp(-1000) is zero in a computer: subtract the largest first"

    mistakes = {
        "these are logarithms: take exponentials": log_evidence / log_evidence.sum(),
        "they are no probabilities until they sum to one": (log_evidence + 1000).exp(),
        "a lower evidence is worse": (-log_evidence).softmax(0),
    }
    return compared(found, right, mistakes, "each in proportion to its evidence")
