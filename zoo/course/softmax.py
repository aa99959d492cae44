"""Exercises on the confidence of a softmax."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared

_SLOPE = 1.0  # of the margin along the ray, per unit of distance
_START = (3.0, 1.0)  # a distance, and the margin there
_SURE = 0.99


def far_away(answer: float) -> str | None:
    """Check the probability of the other class at distance 10, for a margin that is linear."""
    margin = _margin(10.0)
    mistakes = {
        "this is the class that it predicts": _sigmoid(margin),
        "it is linear, not proportional: the line does not go through zero": _sigmoid(
            -10 / 3
        ),
        "it grows from the margin at distance 3": _sigmoid(-7.0),
        "the margin is a logit: take the softmax of it and 0": math.exp(margin),
    }
    otherwise = "first the margin at distance 10, then the softmax of it and 0"
    return compared(answer, _sigmoid(-margin), mistakes, otherwise, 1e-2)


def averaged(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function that returns the confidence of the averaged probabilities, (N,)."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(30, 40, 5, generator=generator)
    probs = logits.softmax(-1)
    right = probs.mean(0).amax(-1)

    found = answer(logits)
    if tuple(found.shape) != tuple(right.shape):
        return "one confidence for each input, (N,)"

    mistakes = {
        "this averages logits: the posterior averages probabilities": logits.mean(0)
        .softmax(-1)
        .amax(-1),
        "this is how sure a draw is of itself: average before you choose the class": probs.amax(
            -1
        ).mean(0),
        "the softmax is over the classes, the last dimension": logits.softmax(0)
        .mean(0)
        .amax(-1),
    }
    return compared(found, right, mistakes, "softmax, mean over draws, largest class")


def calibration(answer: float) -> str | None:
    """Check the calibration error of two bins, one too sure and one not sure enough."""
    mistakes = {
        "gaps of different signs do not cancel: take absolute values": (18.0 - 6.0)
        / 300,
        "bins count by their number of images": (0.09 + 0.06) / 2,
        "this is the error rate": 54 / 300,
        "a share, not a number of images": 18.0 + 6.0,
    }
    otherwise = "the gap of each bin, weighted by its share of the images"
    return compared(answer, (18.0 + 6.0) / 300, mistakes, otherwise, 1e-2)


def cooled(answer: float) -> str | None:
    """Check the distance at which a margin divided by two is 99 % sure."""
    needed = math.log(_SURE / (1 - _SURE))
    mistakes = {
        "this is without the temperature": _distance(needed),
        "the temperature divides the margin, so it has to be larger": _distance(
            needed / 2
        ),
        "twice the distance is not twice the margin": 2 * _distance(needed),
        "it does reach it: a line has no upper end": math.inf,
    }
    otherwise = "which margin has a confidence of 99 %, and where is it twice as large?"
    return compared(answer, _distance(2 * needed), mistakes, otherwise, 1e-2)


def _margin(distance: float) -> float:
    """Return the margin at a distance along the ray."""
    start, margin = _START
    return margin + _SLOPE * (distance - start)


def _distance(margin: float) -> float:
    """Return the distance at which the ray has a margin."""
    start, first = _START
    return start + (margin - first) / _SLOPE


def _sigmoid(margin: float) -> float:
    """Return the softmax of two logits with this margin."""
    return 1 / (1 + math.exp(-margin))
