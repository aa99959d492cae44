"""Sparsification: the error that is left after the most uncertain points are removed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.validation import cast_like, checked


class Sparsification(NamedTuple):
    """Errors of the points that are left, relative to the error of all points.

    Arguments:
        fractions: Fractions of the points that are removed, (K,), from 0.
        error: Root mean squared error after the most uncertain ones are removed, (K,),
            divided by that of all points.
        oracle: The same after those with the largest errors are removed, (K,).
        area: Area between both curves; 0 is best. A random order has the area between
            1 and the oracle.
    """

    fractions: Tensor
    error: Tensor
    oracle: Tensor
    area: Tensor


def sparsification(
    error: Tensor, uncertainty: Tensor, *, num_fractions: int = 50
) -> Sparsification:
    r"""Error that is left after the most uncertain points are removed, against the oracle.

    .. math:: \text{AUSE} = \int_0^1 \frac{\text{RMSE}(\text{all but the fraction } u \text{ of
        largest uncertainty}) - \text{RMSE}(\text{all but that of largest error})}
        {\text{RMSE}(\text{all})} du

    It asks whether the uncertainty ranks the errors, and not whether it has their size:
    see `coverage` for that. Of points with equal uncertainty the average is removed, as
    if their order were random.

    References:
        Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow
        (Ilg, Çiçek, Galesso, Klein, Makansi, Hutter, Brox, 2018), section 4

    Arguments:
        error: Errors of the predictive mean, of any sign and shape, e.g. of all pixels.
        uncertainty: Uncertainty of each, of the same shape, e.g. the predictive standard
            deviation.
        num_fractions: Number K of fractions, evenly from 0 to (K - 1) / K.

    Raises:
        ValueError: The shapes differ, there are NaNs, no error at all, or fewer than two
            fractions.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> error = torch.arange(1.0, 1001.0)
        >>> curve = metrics.sparsification(error, uncertainty=error.square())
        >>> curve.oracle[25].round(decimals=2), curve.area  # half of the points are left
        (tensor(0.5000), tensor(0.))
    """
    errors, order = checked(error=error, uncertainty=uncertainty)
    if num_fractions < 2:
        raise ValueError(f"num_fractions must be at least 2, not {num_fractions}")

    squares = errors.flatten().square()
    if not bool(squares.any()):
        raise ValueError(
            "all errors are zero, so there is nothing to rank; give the errors of a prediction"
        )

    fractions = torch.arange(num_fractions, dtype=torch.float64) / num_fractions
    number_left = ((1 - fractions) * len(squares)).round().long().clamp_min(1)
    ours = _left(squares, order.flatten(), number_left)
    best = _left(squares, squares, number_left)
    area = (ours - best).mean()

    return Sparsification(
        *(cast_like(value, error) for value in (fractions, ours, best, area))
    )


def _left(squares: Tensor, order: Tensor, number_left: Tensor) -> Tensor:
    """Return the root mean square of the numbers of points of lowest order, relative to all."""
    _, places, counts = order.unique(return_inverse=True, return_counts=True)
    sums = torch.zeros(len(counts), dtype=squares.dtype).index_add(0, places, squares)
    each = sums / counts  # the mean of points of equal order
    total = each.repeat_interleave(counts).cumsum(0)
    mean_square = total[number_left - 1] / number_left

    return (mean_square / squares.mean()).sqrt()
