"""Share of targets inside their predictive intervals."""

from __future__ import annotations

from torch import Tensor

from zoo.metrics.validation import cast_like, checked


def coverage(lower: Tensor, upper: Tensor, y: Tensor) -> Tensor:
    r"""Share of targets inside their predictive intervals, to compare with the nominal share.

    .. math:: \frac{1}{NO} \sum_{n,o} 1[\text{lower}_{no} \le y_{no} \le \text{upper}_{no}]

    Its standard error at nominal share p is sqrt(p (1 - p) / N): with 31 points 0.95 is
    known to 0.04. Infinitely wide intervals cover everything, so look at their width
    too.

    References:
        Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting and Raftery, 2007),
        section 6.2

    Arguments:
        lower: Lower ends, (N, O), in the units of y.
        upper: Upper ends, (N, O).
        y: Targets, (N, O).

    Raises:
        ValueError: The shapes differ, there are NaNs, or a lower end lies above its
            upper end.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> y = torch.tensor([0.0, 1.0, 2.0, 3.0])
        >>> metrics.coverage(torch.zeros(4), torch.full((4,), 2.5), y)
        tensor(0.7500)
    """
    low, high, target = checked(lower=lower, upper=upper, y=y)
    num_crossed = int((low > high).sum())
    if num_crossed:
        raise ValueError(
            f"lower lies above upper at {num_crossed} point(s); write coverage(lower, upper, y)"
        )

    is_inside = (low <= target) & (target <= high)
    return cast_like(is_inside.double().mean(), y)
