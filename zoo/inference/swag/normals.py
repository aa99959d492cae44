"""The guide of the moments of a run: a point, a mean-field normal or a low-rank normal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

import guides
from zoo.model import BayesianNetwork


class Collected(NamedTuple):
    """What a run has collected of one site, in unconstrained space.

    Arguments:
        mean: Mean of all points, (*shape).
        variance: Their variance, (*shape).
        deviations: Deviations of the last K points from the mean, (K, *shape).
    """

    mean: Tensor
    variance: Tensor
    deviations: Tensor


@torch.no_grad()
def diagonal_normal(
    model: BayesianNetwork, collected: Mapping[str, Collected], scale: float
) -> guides.MeanField:
    """Return the normal with the variances alone, times a scale.

    Arguments:
        model: The model.
        collected: What was collected, by site.
        scale: Factor of the covariance.
    """
    guide = guides.MeanField(model)
    for name, (mean, _, _) in collected.items():
        variance = scale * _variance(collected[name])
        guide.loc[name].copy_(mean)
        guide.rho[name].copy_(_inverse_softplus(variance.sqrt()))

    return guide


@torch.no_grad()
def low_rank_normal(
    model: BayesianNetwork, collected: Mapping[str, Collected], scale: float
) -> guides.LowRank:
    r"""Return the normal with half of the variances, and half of a covariance of rank K.

    .. math:: \Sigma = \frac{\text{scale}}{2}
        \Big( \operatorname{diag}(v) + \frac{D D^\top}{K - 1} \Big)

    K is the number of deviations that there are. `guides.LowRank` has the marginal scales
    and, in units of √v, the columns of D/√(K - 1), reflected.

    Arguments:
        model: The model.
        collected: What was collected, by site.
        scale: Factor of the covariance.
    """
    first = next(iter(collected.values()))
    rank = len(first.deviations)
    guide = guides.LowRank(model, rank=rank, per="all")

    factors: dict[str, Tensor] = {}
    for name, (mean, _, deviations) in collected.items():
        own = _variance(collected[name])
        factor = _reflected(deviations) / (rank - 1) ** 0.5
        variance = 0.5 * scale * (own + factor.square().sum(0))
        guide.loc[name].copy_(mean)
        guide.rho[name].copy_(_inverse_softplus(variance.sqrt()))
        factors[name] = (factor / own.sqrt()).reshape(rank, -1)

    for group, names in guide.groups.items():
        rows = torch.cat([factors[name] for name in names], 1)  # (K, P)
        guide.factor[group].copy_(rows.T)

    return guide


def _reflected(deviations: Tensor) -> Tensor:
    r"""Return columns with the same D Dᵀ, the last of which is the sum of all over √K.

    .. math:: D \Big( I - \frac{v v^\top}{1 + 1/\sqrt K} \Big), \qquad
        v = \tfrac{1}{\sqrt K} (1, \dots, 1) + (0, \dots, 0, 1)

    If all points were kept, their deviations add up to zero. Then the matrix DᵀD is
    singular, and its factors are not defined in single precision; that of the reflected
    columns has zeros for the last of them.

    Arguments:
        deviations: The columns, (K, *shape).
    """
    root = len(deviations) ** 0.5
    total = deviations.sum(0) / root
    shift = (total + deviations[-1]) / (1 + 1 / root)
    columns = deviations - shift / root
    columns[-1] = -total

    return columns


def _variance(collected: Collected) -> Tensor:
    """Return the variance, at least the square of the rounding error of the mean."""
    mean, variance, _ = collected
    info = torch.finfo(mean.dtype)
    rounding = info.eps * mean.abs()
    least = rounding.square().clamp_min(info.tiny)

    return variance.maximum(least)


def _inverse_softplus(scale: Tensor) -> Tensor:
    """Return log(e^scale - 1), also for a large scale."""
    return scale + torch.log(-torch.expm1(-scale))
