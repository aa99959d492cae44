"""Distributions over matrices of which some rows are fixed, such as the rows of padding."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import (
    ComposeTransform,
    Transform,
    biject_to,
    constraints,
    transform_to,
)


class FixedRows(constraints.Constraint):
    """Matrices (V, D) of which some rows have given values, and the others are in a support.

    Arguments:
        rows: Indices of the fixed rows, in increasing order.
        values: Values (R, D) of these rows.
        free: The support of the other rows (V - R, D).
    """

    event_dim = 2

    def __init__(
        self, rows: tuple[int, ...], values: Tensor, free: constraints.Constraint
    ) -> None:
        self.rows = rows
        self.values = values
        self.free = free

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """Whether the other rows are discrete."""
        return self.free.is_discrete

    def check(self, value: Tensor) -> Tensor:
        """Return whether the fixed rows have their values, and the others are in the support."""
        rows = torch.stack([value[..., row, :] for row in self.rows], -2)
        fixed = rows == self.values.to(value)
        free = self.free.check(without_rows(value, self.rows))
        num_leading = value.dim() - 2

        return fixed.all(-1).all(-1) & free.flatten(num_leading).all(-1)


class InsertRows(Transform):
    """Inserts rows into matrices: (*S, V - R, D) becomes (*S, V, D).

    Arguments:
        rows: Indices of the inserted rows in the result, in increasing order.
        values: Values (R, D) of these rows.
        free: The support of the other rows.
    """

    bijective = True

    def __init__(
        self, rows: tuple[int, ...], values: Tensor, free: constraints.Constraint
    ) -> None:
        super().__init__()
        self.rows = rows
        self.values = values
        self.free = free

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        """The support of the other rows."""
        missing = 2 - self.free.event_dim
        return constraints.independent(self.free, missing) if missing else self.free

    @property
    def codomain(self) -> FixedRows:  # type: ignore[override]
        """Matrices with the given rows."""
        return FixedRows(self.rows, self.values, self.free)

    def __eq__(self, other: object) -> bool:
        """Return whether another transform inserts the same rows."""
        return isinstance(other, InsertRows) and self.rows == other.rows

    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Tensor) -> Tensor:
        values = self.values.to(x.device, x.dtype)
        leading = x.shape[:-2]

        pieces = []
        begin = 0
        for number, row in enumerate(self.rows):
            end = row - number
            value = values[number : number + 1]
            pieces.append(x[..., begin:end, :])
            pieces.append(value.expand(*leading, 1, x.shape[-1]))
            begin = end

        pieces.append(x[..., begin:, :])

        return torch.cat(pieces, -2)

    def _inverse(self, y: Tensor) -> Tensor:
        return without_rows(y, self.rows)

    def of_variance(self, variance: Tensor) -> Tensor:
        """Return the variance of each element, 0 in an inserted row, given that before."""
        zeros = torch.zeros_like(self.values)

        return InsertRows(self.rows, zeros, self.free)(variance)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return 0: the volume of the other rows does not change."""
        return x.new_zeros(x.shape[:-2])

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape with the rows."""
        return torch.Size((*shape[:-2], shape[-2] + len(self.rows), shape[-1]))

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape without the rows."""
        return torch.Size((*shape[:-2], shape[-2] - len(self.rows), shape[-1]))


class WithFixedRows(dist.TransformedDistribution):
    """A distribution of the free rows of a matrix, as one of the whole matrix (V, D)."""

    @property
    def improper(self) -> bool:
        """Whether the distribution of the free rows does not integrate to one."""
        base = self.base_dist
        while isinstance(base, dist.Independent):
            base = base.base_dist

        is_uniform = isinstance(base, dist.ImproperUniform)
        return is_uniform or getattr(base, "improper", False)

    @property
    def mean(self) -> Tensor:
        """The mean, which is the value of a fixed row."""
        return self.transforms[0].parts[0](self.base_dist.mean)

    @property
    def variance(self) -> Tensor:
        """The variance, 0 in a fixed row."""
        return self.transforms[0].parts[0].of_variance(self.base_dist.variance)


def with_fixed_rows(
    free: TorchDistributionMixin,
    support: constraints.Constraint,
    rows: tuple[int, ...],
    values: Tensor,
) -> WithFixedRows:
    """Return the distribution of a matrix whose other rows have a distribution.

    Arguments:
        free: Distribution of the other rows, (V - R, D).
        support: Its support.
        rows: Indices of the fixed rows, in increasing order.
        values: Values (R, D) of these rows.
    """
    insert = InsertRows(rows, values, support)
    # A composition, as the transform of a guide is one, so that torch finds the two equal.
    return WithFixedRows(free, [ComposeTransform([insert])])


def fixed_rows(distribution: TorchDistributionMixin) -> tuple[int, ...]:
    """Return the indices of the rows that a distribution fixes, () for most."""
    support = distribution.support
    return support.rows if isinstance(support, FixedRows) else ()


def num_random(distribution: TorchDistributionMixin) -> int:
    """Count the elements of one draw that are random, i.e. in no fixed row."""
    shape = distribution.shape()
    num_fixed = len(fixed_rows(distribution)) * shape[-1:].numel()

    return shape.numel() - num_fixed


def without_fixed_rows(value: Tensor, distribution: TorchDistributionMixin) -> Tensor:
    """Return the elements of draws (*S, *shape) that are in no fixed row."""
    rows = fixed_rows(distribution)
    return without_rows(value, rows) if rows else value


def without_rows(value: Tensor, rows: tuple[int, ...]) -> Tensor:
    """Return matrices (*S, V, D) without some rows, (*S, V - R, D)."""
    pieces = []
    begin = 0
    for row in rows:
        pieces.append(value[..., begin:row, :])
        begin = row + 1

    pieces.append(value[..., begin:, :])

    return torch.cat(pieces, -2)


@biject_to.register(FixedRows)
@transform_to.register(FixedRows)
def _transform(support: FixedRows) -> Any:
    """Return the transform from all real numbers: the free rows are all that varies."""
    insert = InsertRows(support.rows, support.values, support.free)
    base = support.free
    while isinstance(base, constraints.independent):
        base = base.base_constraint
    if isinstance(base, type(constraints.real)):  # a copy of it is another object
        return insert

    return ComposeTransform([biject_to(support.free), insert])
