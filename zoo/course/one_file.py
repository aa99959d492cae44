"""Exercises on Bayes by Backprop, written out in one file."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from zoo.course.check import compared

Divergence = Callable[[Tensor, Tensor, Tensor], Tensor]


def batch_factor(answer: float) -> str | None:
    """Check by what the log likelihood of 10 of 100 points is multiplied."""
    mistakes = {
        "then a batch has the weight of 10 points, and the prior that of all": 1.0,
        "the other way round: a batch stands for all points": 0.1,
        "this is the number of points in it": 100.0,
    }
    return compared(answer, 10.0, mistakes, "it stands for all 100 points")


def divergence(answer: Divergence) -> str | None:
    """Check a function of loc, scale and prior scale that returns KL(q || p) of each weight."""
    generator = torch.Generator().manual_seed(0)
    loc = torch.randn(10, generator=generator)
    scale = torch.rand(10, generator=generator) + 0.1
    prior_scale = torch.tensor(2.0)
    q, p = Normal(loc, scale), Normal(0.0, prior_scale)
    right = kl_divergence(q, p)

    found = answer(loc, scale, prior_scale)
    if found.shape != right.shape:
        return "one divergence for each weight; the sum comes later"

    squares = q.log_prob(loc) - p.log_prob(loc)
    mistakes = {
        "this is KL(p || q): the draws are those of q": kl_divergence(p, q),
        "the sign: a divergence is not negative": -right,
        "this is log q - log p at the mean alone": squares,
        "a term is missing: the normals have a half": 2 * right,
        "a scale is not a variance": _with_variances(loc, scale, prior_scale),
    }
    return compared(found, right, mistakes, "the mean under q of log q - log p")


def narrow(answer: float) -> str | None:
    """Check the scale of a mean field where two weights have the correlation 0.8."""
    mistakes = {
        "this is the standard deviation of a weight whose neighbour is free": 1.0,
        "this is the variance": 0.36,
        "the precision of a weight is not 1 - 0.8": math.sqrt(0.2),
        "this is the correlation": 0.8,
        "this is the precision": 1 / 0.36,
        "this is the root of the precision: take its inverse": 1 / 0.6,
    }
    return compared(answer, 0.6, mistakes, "1 / sqrt of the precision's diagonal", 1e-2)


def _with_variances(loc: Tensor, scale: Tensor, prior_scale: Tensor) -> Tensor:
    """Return the divergence of normals whose scales were taken for variances."""
    return kl_divergence(Normal(loc, scale.sqrt()), Normal(0.0, prior_scale.sqrt()))
