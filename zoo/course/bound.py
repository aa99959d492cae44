"""Exercises on the evidence lower bound: its two terms, its scales, and mistakes in it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared

_NUM_WEIGHTS = 7510  # of a network of 64, 100 and 10 units
_WEIGHT, _RATE = 3.0, 0.2  # a weight, and how often its input is dropped
_SIDE = 100  # rows and columns of a layer


def best_scale(answer: Callable[[Tensor, float, float], Tensor]) -> str | None:
    """Check a function that returns the best scale of the weight of a line."""
    x = torch.tensor([0.4, -1.1, 0.3, 2.0, 0.9]).double()
    noise, prior_scale = 0.3, 1.7
    of_data = x.square().sum() / noise**2
    precision = of_data + 1 / prior_scale**2

    found = torch.as_tensor(answer(x, noise, prior_scale))
    if found.dim() > 0:
        return "one weight has one scale: sum over the data"

    mistakes = {
        "this is the precision": precision,
        "this is the variance: take the root": 1 / precision,
        "this is the root of the precision: take its inverse": precision.sqrt(),
        "the prior is missing": of_data.rsqrt(),
        "the prior's precision is 1 over its squared scale": (
            (of_data + 1 / prior_scale).rsqrt()
        ),
        "the precision of the noise is 1 over its squared scale": (
            (x.square().sum() / noise + 1 / prior_scale**2).rsqrt()
        ),
        "every datum adds to the precision: a sum, not a mean": (
            (of_data / len(x) + 1 / prior_scale**2).rsqrt()
        ),
        "add precisions, not variances": (1 / of_data + prior_scale**2).sqrt(),
    }
    return compared(found, precision.rsqrt(), mistakes, "where is the force zero?")


def doubled(answer: float) -> str | None:
    """Check how many nats an ELBO gains when all scales double, far below their best values."""
    each = math.log(2)
    mistakes = {
        "one nat is for each unit of a log scale, and twice is not e times": _NUM_WEIGHTS,
        "this is for one weight": each,
        "these are bits": _NUM_WEIGHTS / each,
        "one nat for each weight and unit of a log scale: the factor is 1": 2
        * _NUM_WEIGHTS,
        "the noise is too small to cost anything: this is a gain": -each * _NUM_WEIGHTS,
    }
    right = each * _NUM_WEIGHTS
    return compared(answer, right, mistakes, "how much does a log scale grow?", 1e-2)


def dropout_spread(answer: float) -> str | None:
    """Check the standard deviation of a weight whose input is dropped."""
    odds = _RATE / (1 - _RATE)
    mistakes = {
        "this is the variance": _WEIGHT**2 * odds,
        "the weights that are left are scaled up by 1 / (1 - p)": (
            _WEIGHT * math.sqrt(_RATE * (1 - _RATE))
        ),
        "take the root of p / (1 - p)": _WEIGHT * odds,
        "p is how often it is dropped, not how often it is kept": (
            _WEIGHT / math.sqrt(odds)
        ),
        "this is the noise of a weight of 1": math.sqrt(odds),
        "this is the noise of a rate of one half": _WEIGHT,
    }
    right = _WEIGHT * math.sqrt(odds)
    return compared(answer, right, mistakes, "two values, 0 and 3 / 0.8")


def batch_loss(answer: Callable[[Tensor, Tensor, int], Tensor]) -> str | None:
    """Check a function that returns the negative ELBO of all data, from a batch."""
    log_likelihood = -torch.tensor([1.0, 0.2, 2.5, 0.7]).double()
    divergence = torch.tensor(11.0).double()
    num_data = 40
    size = len(log_likelihood)
    total = num_data / size * log_likelihood.sum()
    right = divergence - total

    found = torch.as_tensor(answer(log_likelihood, divergence, num_data))
    if found.dim() > 0:
        return "the loss is a scalar: sum over the batch"

    mistakes = {
        "this is the ELBO; a loss is its negative": -right,
        "the sum over the batch stands for all data: multiply it by N / B": (
            divergence - log_likelihood.sum()
        ),
        "this is per datum; multiply it by N": right / num_data,
        "the divergence is that of all weights, and once for all data": (
            num_data / size * (divergence - log_likelihood.sum())
        ),
        "the divergence is too large here: the mean needs it divided by N": (
            divergence - log_likelihood.mean()
        ),
        "a divergence costs: its sign is that of the loss": -divergence - total,
        "a loss falls when the likelihood grows": divergence + total,
    }
    return compared(found, right, mistakes, "N / B, and one divergence for all data")


def counted(answer: float) -> str | None:
    """Check how often a datum counts if the divergence is averaged over the weights."""
    right = _SIDE**2
    mistakes = {
        "the other way round: each datum counts more": 1 / right,
        "the mean is over all elements of the matrix": _SIDE,
        "with the divergence so small, can the data still count once?": 1.0,
        "the mean is over 100 x 100 elements, not over 100 + 100": 2 * _SIDE,
    }
    return compared(answer, right, mistakes, "what is c, and what is 1 / c?")
