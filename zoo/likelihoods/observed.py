"""What is observed of each datum: its target, its weight, and what is known of its noise."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Observed(NamedTuple):
    r"""Targets, with a weight and known quantities for each datum.

    .. math:: \log p(y \mid f) = \sum_i w_i \log p(y_i \mid f(x_i), \text{given}_i)

    A fit makes it from `fit(data, weights=..., scale=...)`, in the place of the targets.
    All its tensors have the data in front, so that a batch is a slice of each.

    Arguments:
        y: Targets (N, ...).
        weights: Weight w of each datum, (N,); None for 1.
        given: Known quantities by the name of the likelihood's argument, (N, ...) each,
            such as the noise scale of `Gaussian(scale="given")`.

    Example:
        >>> Observed(torch.zeros(8, 1), weights=torch.ones(8)).y.shape
        torch.Size([8, 1])
    """

    y: Tensor
    weights: Tensor | None = None
    given: dict[str, Tensor] | None = None
