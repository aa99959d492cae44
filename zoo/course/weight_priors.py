"""Exercises on what a prior over weights says about functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from zoo.course.check import compared

_UNITS = 2_500
_MEAN_SQUARE = 0.394  # of tanh(b), b from N(0, 1)
_AT_ONE = 2.0  # the scale of a weight with one input
_SATURATED = 50
_SURE = 0.99


def size(answer: float) -> str | None:
    """Check the standard deviation of f(0) in a wide network with standard normal weights."""
    variance = 1 + _UNITS * _MEAN_SQUARE
    mistakes = {
        "this is the variance": variance,
        "variances add up, not standard deviations": 1 + _UNITS * _MEAN_SQUARE**0.5,
        "the variance of the units is the sum over all of them": math.sqrt(
            1 + _MEAN_SQUARE
        ),
        "each unit is a product of tanh(b) and its weight": math.sqrt(1 + _UNITS),
        "the root of each: add the variances first": 1 + math.sqrt(variance - 1),
    }
    otherwise = "the variance of each unit's part, the sum of all, then the root"
    return compared(answer, math.sqrt(variance), mistakes, otherwise, 5e-3)


def scale(answer: Callable[[int], float]) -> str | None:
    """Check a function that returns the scale of a weight by the inputs of its unit."""
    numbers = [1, 4, 100, 2_500]
    found = torch.tensor([float(answer(number)) for number in numbers])
    inputs = torch.tensor(numbers).double()
    mistakes = {
        "this keeps the sum of scales; variances add up": _AT_ONE / inputs,
        "more inputs need smaller weights": _AT_ONE * inputs.sqrt(),
        "with one input it is 2, not 1": inputs.rsqrt(),
        "this is the variance, not the standard deviation": _AT_ONE**2 / inputs,
    }
    otherwise = "the variance of a sum of n parts has to be the same for each n"
    return compared(found, _AT_ONE * inputs.rsqrt(), mistakes, otherwise)


def units(answer: Sequence[float]) -> str | None:
    """Check four factors of scales, for x that is 100 times larger and y a tenth."""
    found = torch.as_tensor(answer, dtype=torch.float64)
    if tuple(found.shape) != (4,):
        return "four factors: first weights, first biases, output weights, output bias"

    mistakes = {
        "larger inputs need smaller weights": [100.0, 1.0, 0.1, 0.1],
        "smaller outputs need smaller output weights": [0.01, 1.0, 10.0, 10.0],
        "the first biases add to w x, which is to stay the same": [
            0.01,
            0.01,
            0.1,
            0.1,
        ],
        "the output bias has the unit of y as well": [0.01, 1.0, 0.1, 1.0],
        "the hidden units stay as they are; what follows them is in units of y": [
            0.01,
            1.0,
            1.0,
            1.0,
        ],
    }
    otherwise = "what has to happen to w x + b, and what to the sum over the units?"
    return compared(found, torch.tensor([0.01, 1.0, 0.1, 0.1]), mistakes, otherwise)


def sure(answer: float) -> str | None:
    """Check the share of prior draws that are more than 99 % sure of one of two classes."""
    variance = _SATURATED + 1.0  # of a logit, with its bias
    needed = math.log(_SURE / (1 - _SURE))
    right = _beyond(needed, 2 * variance)
    mistakes = {
        "of one of the classes: both sides count": right / 2,
        "the difference of two logits has both variances": _beyond(needed, variance),
        "these are the others": 1 - right,
        "a variance is not a standard deviation": _beyond(needed, (2 * variance) ** 2),
        "99 % is a probability: which difference of logits has it?": _beyond(
            _SURE, 2 * variance
        ),
        "do not forget the bias of each logit": _beyond(needed, 2 * _SATURATED),
    }
    otherwise = "the difference of the logits is normal; how often is it beyond ln 99?"
    return compared(answer, right, mistakes, otherwise, 2e-3)


def _beyond(limit: float, variance: float) -> float:
    """Return the probability that |N(0, variance)| is larger than a limit."""
    return math.erfc(limit / math.sqrt(2 * variance))
