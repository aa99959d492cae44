"""What is observed of each datum: its target, its weight, and what is known of its noise."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from pyro import poutine
from torch import Tensor

PREFIX = "likelihood:"  # of sites; a parameter of a network cannot have such a name


class Observed(NamedTuple):
    r"""Targets, with a weight and known quantities for each datum.

    .. math:: \log p(y \mid f) = \sum_i w_i \log p(y_i \mid f(x_i), \text{given}_i)

    A fit makes it from `fit(data, weights=..., scale=...)`, in the place of the targets.
    All its tensors have the data in front, so that a batch is a slice of each.

    Arguments:
        y: Targets (N, ...); None samples them.
        weights: Weight w of each datum, (N,); None for 1. Booleans say which data are
            observed. The target of a datum of weight 0 may have any value, NaN too.
        given: Known quantities by the name of the likelihood's argument, (N, ...) each,
            such as the noise scale of `Gaussian(scale="given")`.

    Example:
        >>> Observed(torch.zeros(8, 1), weights=torch.ones(8)).y.shape
        torch.Size([8, 1])
    """

    y: Tensor | None
    weights: Tensor | None = None
    given: dict[str, Tensor] | None = None

    @classmethod
    def of(cls, y: Tensor | Observed | None) -> Observed:
        """Return targets as they are observed, without weights if there are none."""
        return y if isinstance(y, Observed) else cls(y)

    @property
    def has_weight(self) -> Tensor | None:
        """Which data have a weight above 0, (N,); None if all have the weight 1."""
        if self.weights is None:
            return None

        return self.weights if self.weights.dtype == torch.bool else self.weights > 0

    def weighting(self, like: Tensor) -> AbstractContextManager:
        """Return Pyro's handler that multiplies the log density of each datum by its weight.

        Data of weight 0 are left to a mask, because a scale must be positive.

        Arguments:
            like: A tensor with the device and dtype of the density.
        """
        if self.weights is None or self.weights.dtype == torch.bool:
            return nullcontext()

        weights = self.weights.to(like)
        positive = torch.where(weights > 0, weights, 1.0)

        return poutine.scale(scale=positive)
