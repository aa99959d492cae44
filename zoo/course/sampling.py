"""Exercises on Hamiltonian Monte Carlo and on what its diagnostics say."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared, is_near

_SCALES = (2.0, 0.5, 0.5, 0.03)  # standard deviations of four weights
_UNITS = 5  # hidden tanh units
_SPREAD, _NUM_DRAWS, _EFFECTIVE = 0.5, 4000, 100  # of a function value


def largest_step(answer: float) -> str | None:
    """Check the step size below which a leapfrog step of four weights is stable."""
    narrow, wide = min(_SCALES), max(_SCALES)
    mistakes = {
        "the limit is not one standard deviation, but two": narrow,
        "the widest weight could take this step, but all take the same": 2 * wide,
        "this is for a typical weight, but one unstable weight is enough": 1.0,
        "a step is a distance: take standard deviations, not variances": 2 * narrow**2,
    }
    return compared(answer, 2 * narrow, mistakes, "which weight is the first to fail?")


def acceptance(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Check a function that returns the probability of acceptance, (C,)."""
    before = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).double()
    finite = torch.tensor([1.5, 1.9, 3.0, 9.0]).double()
    after = torch.cat([finite, torch.tensor([math.inf, math.nan]).double()])
    change = after - before
    ratio = torch.exp(-change).nan_to_num(nan=0.0)
    right = ratio.clamp(max=1)

    found = torch.as_tensor(answer(before, after))
    if found.shape != right.shape:
        return "one probability for each chain, (C,)"
    if found.dtype == torch.bool:
        return "a probability, not a decision: a path that goes up may be accepted too"
    if found.isnan().any():
        return "the path whose energy is nan has to be refused: its probability is 0"
    if is_near(found[:4], torch.exp(change[:4])):
        return "the other way round: a place of lower energy is more probable"
    if (found < 0).any():
        return "a probability is not negative"

    mistakes = {
        "a probability is at most 1": ratio,
        "the other way round: a place of lower energy is more probable": (
            torch.exp(change).nan_to_num(nan=0.0).clamp(max=1)
        ),
    }
    return compared(found, right, mistakes, "the density is exp(-H): take its ratio")


def rhat(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function that returns R-hat of draws (C, S, M), (M,)."""
    generator = torch.Generator().manual_seed(0)
    moves = torch.randn(4, 60, 3, generator=generator).double()
    apart = torch.randn(4, 1, 3, generator=generator).double()
    draws = moves + torch.tensor([0.0, 0.5, 3.0]) * apart
    num_draws = draws.shape[1]
    within = draws.var(1).mean(0)
    between = draws.mean(1).var(0)
    right = (1 - 1 / num_draws + between / within).sqrt()

    found = torch.as_tensor(answer(draws))
    if tuple(found.shape) != (3,):
        return "one R-hat for each of the M numbers, (M,)"

    swapped = (1 - 1 / 4 + draws.mean(0).var(0) / draws.var(0).mean(0)).sqrt()
    mistakes = {
        "take the root": right.square(),
        "chains and draws are exchanged: the shape is (C, S, M)": swapped,
        "B is the variance of the means itself, not S times it": (
            (1 - 1 / num_draws + num_draws * between / within).sqrt()
        ),
        "W and B are variances, not standard deviations": (
            (1 - 1 / num_draws + draws.mean(1).std(0) / draws.std(1).mean(0)).sqrt()
        ),
        "the variance within the chains is missing": (between / within).sqrt(),
    }
    return compared(found, right, mistakes, "compare W and B with the text", 1e-2)


def copies(answer: float) -> str | None:
    """Check the number of weight vectors that have the same function."""
    orders = math.factorial(_UNITS)
    signs = 2**_UNITS
    mistakes = {
        "these are the orders of the units; the signs are missing": orders,
        "these are the signs of the units; their order is missing": signs,
        "every unit may change its sign alone": 2 * orders,
        "each sign goes with each order": orders + signs,
        "count all orders of five units, not only pairs": 10 * signs,
    }
    return compared(answer, orders * signs, mistakes, "orders of the units, and signs")


def error_of_mean(answer: float) -> str | None:
    """Check the standard error of the mean of correlated draws."""
    right = _SPREAD / math.sqrt(_EFFECTIVE)
    mistakes = {
        "the draws of a chain are not independent": _SPREAD / math.sqrt(_NUM_DRAWS),
        "an error falls with the root of the number": _SPREAD / _EFFECTIVE,
        "this is the error of one draw": _SPREAD,
        "this is a squared error": right**2,
        "the draws are worth 100 in all, not in each chain": right / 2,
    }
    return compared(answer, right, mistakes, "as of so many independent draws")
