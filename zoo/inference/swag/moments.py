"""Moments of the points that a run of SGD passes: their mean, variance, and the last of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from zoo.inference.svi.averaging import Averaging


class PathMoments(Averaging):
    r"""The mean of all collected points, their squared deviations, and the last K of them.

    .. math:: \bar w_t = \bar w_{t-1} + \tfrac1t (w_t - \bar w_{t-1}), \qquad
        s_t = s_{t-1} + (w_t - \bar w_{t-1}) (w_t - \bar w_t)

    s/T is the second moment minus the squared mean, without the cancellation of that
    difference in single precision (Welford's method). Whole numbers, such as the counts of
    batch normalisation, are copied.

    References:
        A Simple Baseline for Bayesian Uncertainty in Deep Learning
        (Maddox, Garipov, Izmailov, Vetrov, Wilson, 2019)

    Arguments:
        weights: The parameters of the guide, which a run changes in place.
        others: Point estimates and buffers, of which there is only the mean.
        steps: The numbers of steps after which a point is collected.
        rank: Number K of the last points that are kept; None for no variance either.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        others: Sequence[Tensor],
        steps: Collection[int],
        rank: int | None,
    ) -> None:
        super().__init__([], None, 0)
        self.is_on = True
        self.rank = 0 if rank is None else rank
        self._steps = frozenset(steps)
        self._tensors = [*weights, *others]
        copies = [tensor.detach().clone() for tensor in weights if rank is not None]
        self.means = [tensor.detach().clone() for tensor in self._tensors]
        self.squares = [torch.zeros_like(value) for value in copies]  # s
        self.last = [value.new_zeros(self.rank, *value.shape) for value in copies]
        # The file of a run holds these by their place.
        self.averages = [*self.means, *self.squares, *self.last]

    @property
    def num_kept(self) -> int:
        """Number of the last points that there are, at most the rank."""
        return min(self.rank, self.num_averaged)

    def variance(self, number: int) -> Tensor:
        """Return the variance s/T of one of the weights, of its shape."""
        return self.squares[number] / self.num_averaged

    def points(self, number: int) -> Tensor:
        """Return the last points of one of the weights, (K, *shape)."""
        return self.last[number][: self.num_kept]

    def deviations(self, number: int) -> Tensor:
        """Return the last points of one of the weights minus the mean of all, (K, *shape)."""
        return self.points(number) - self.means[number]

    def add(self, num_steps: int) -> None:
        """Add the present point, if it is to be collected after so many steps."""
        if num_steps not in self._steps:
            return

        row = self.num_averaged % self.rank if self.rank else None
        self.num_averaged += 1
        with torch.no_grad():
            for number, tensor in enumerate(self._tensors):
                self._add_one(number, tensor.detach(), row)

    def _add_one(self, number: int, value: Tensor, row: int | None) -> None:
        mean = self.means[number]
        if not value.is_floating_point():
            mean.copy_(value)
            return

        from_before = value - mean
        if self.num_averaged == 1:
            mean.copy_(value)
        else:
            mean.add_(from_before, alpha=1 / self.num_averaged)

        if number >= len(self.squares):
            return

        self.squares[number].add_(from_before * (value - mean))
        if row is not None:
            self.last[number][row] = value

    def finish(self) -> None:
        """Set the tensors to their means, if there is one yet."""
        if self.num_averaged:
            with torch.no_grad():
                torch._foreach_copy_(self._tensors, self.means)
