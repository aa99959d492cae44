"""Exercises on strange inputs, and on the weights that a network needs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared

Kept = Callable[[Tensor, Tensor, float], Tensor]


def area(answer: float) -> str | None:
    """Check the AUROC of three inputs inside and three outside, two of which tie."""
    mistakes = {
        "a tie counts one half, not one": 8 / 9,
        "a tie counts one half, not nothing": 7 / 9,
        "the other way round: outside should be more uncertain": 1 / 6,
        "there are 3 x 3 pairs, and this is their sum": 7.5,
    }
    return compared(
        answer, 7.5 / 9, mistakes, "count the pairs, of nine, in which it is"
    )


def kept_accuracy(answer: Kept) -> str | None:
    """Check a function that returns the accuracy of what is kept under referral."""
    uncertainty, is_right = _referred()
    number = len(is_right)
    kept = number - round(0.3 * number)
    order = uncertainty.argsort()
    right = is_right[order[:kept]].double().mean()

    found = torch.as_tensor(answer(uncertainty, is_right, 0.3))
    if found.numel() != 1:
        return "one number, the accuracy of what is kept"

    mistakes = {
        "this keeps the most uncertain inputs": is_right[order[-kept:]].double().mean(),
        "this is the accuracy of what is referred": is_right[order[kept:]]
        .double()
        .mean(),
        "this keeps the fraction; it is referred": is_right[order[: number - kept]]
        .double()
        .mean(),
        "this is the accuracy of all inputs": is_right.double().mean(),
        "divide by the number that is kept": is_right[order[:kept]].sum() / number,
    }
    return compared(found, right, mistakes, "sort by uncertainty, and keep the lowest")


def radius(answer: float) -> str | None:
    """Check the smallest radius in which an attack turns the class of a linear model."""
    mistakes = {
        "this is the nearest point in a ball; each pixel may move by the radius": 2 / 5,
        "each pixel moves in the direction of its own weight": 2.0,
        "both pixels move": 2 / 4,
        "the logit is 2, not 1": 1 / 7,
        "the class turns where the logit is zero": 4 / 7,
    }
    return compared(answer, 2 / 7, mistakes, "how far can the logit fall in the box?")


def cost(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Check a function that returns what dropping each weight costs, in nats."""
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(50, generator=generator)
    std = torch.rand(50, generator=generator) + 0.2
    squared = (mean / std).square()

    found = answer(mean, std)
    if tuple(found.shape) != (50,):
        return "one cost for each weight"

    at_zero = torch.distributions.Normal(mean, std).log_prob(torch.zeros(50))
    mistakes = {
        "the exponent of a normal has a half": squared,
        "this is the signal to noise, not nats": squared.sqrt(),
        "the log density falls by it: a cost is positive": -squared / 2,
        "divide by the variance": mean.square() / std / 2,
        "this is the log density at zero; compare it with that at the mean": at_zero,
        "compare the density at zero with that at the mean": -at_zero,
    }
    return compared(found, squared / 2, mistakes, "log q(mean) - log q(0)")


def _referred() -> tuple[Tensor, Tensor]:
    """Return uncertainty and correctness (N,) of made-up predictions."""
    generator = torch.Generator().manual_seed(0)
    uncertainty = torch.rand(40, generator=generator)
    is_right = torch.rand(40, generator=generator) > 0.7 * uncertainty

    return uncertainty, is_right
