"""Rank correlations over images, with errors by resampling images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.experiments.running.scores import RESAMPLED, Number


def rank_correlation(one: Tensor, other: Tensor) -> Number:
    """Return Spearman's rank correlation of two values of each image, (N,) each.

    Arguments:
        one: The first value.
        other: The second value.
    """

    def of(rows: Tensor) -> float:
        return _spearman(one[rows], other[rows])

    return _resampled(of, len(one))


def difference(one: Tensor, other: Tensor, target: Tensor) -> Number:
    """Return how much higher the rank correlation of one value with a target is than of another.

    Arguments:
        one: The first value, (N,).
        other: The value whose correlation is subtracted, (N,).
        target: What both are correlated with, (N,).
    """

    def of(rows: Tensor) -> float:
        ours = _spearman(one[rows], target[rows])
        return ours - _spearman(other[rows], target[rows])

    return _resampled(of, len(one))


def _spearman(one: Tensor, other: Tensor) -> float:
    """Return the correlation of ranks, equal values having their mean rank; 0 of a constant."""
    from scipy.stats import rankdata  # here, because it is slow to import

    ranks = torch.from_numpy(rankdata(torch.stack([one, other]).numpy(), axis=1))
    centred = ranks - ranks.mean(1, keepdim=True)
    lengths = centred.norm(dim=1)
    product = float(lengths.prod())

    return float(centred.prod(0).sum()) / product if product > 0 else 0.0


def _resampled(of: Callable[[Tensor], float], number: int) -> Number:
    """Return a function of all rows, with its standard deviation over resampled rows."""
    random = torch.Generator().manual_seed(0)
    values = []
    for _ in range(RESAMPLED):
        rows = torch.randint(number, (number,), generator=random)
        values.append(of(rows))

    spread = float(torch.tensor(values).std())

    return Number(of(torch.arange(number)), spread)
