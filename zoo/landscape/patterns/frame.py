"""A plane of weights with a square grid: its origin, two directions of equal length, its scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Frame:
    r"""The weights of the cells of a picture, on a plane.

    .. math:: z_{ij} = z_0 + s \, (i \, u + j \, r), \qquad
        u \perp r, \quad \lVert u \rVert = \lVert r \rVert

    The origin is in the middle of the picture; i counts rows upwards, j columns to the right.

    Arguments:
        origin: Weights in the middle, in unconstrained coordinates, (P,).
        upward: A direction, whose part along the other one does not count, (P,).
        right: The direction of the columns, (P,).
        scale: The scale s, ().
    """

    origin: Tensor
    upward: Tensor
    right: Tensor
    scale: Tensor

    @property
    def up(self) -> Tensor:
        """The direction of the rows, orthogonal to the other one and of its length, (P,)."""
        along = (self.upward @ self.right) / self.right.square().sum()
        rest = self.upward - along * self.right

        return rest * (self.right.norm() / rest.norm())

    @property
    def tensors(self) -> list[Tensor]:
        """All that is fitted."""
        return [self.origin, self.upward, self.right, self.scale]

    def at(self, steps: Tensor) -> Tensor:
        """Return the weights (S, P) of cells that are steps (S, 2) up and right."""
        sides = torch.stack([self.up, self.right])

        return self.origin + self.scale * (steps @ sides)

    def fixed(self) -> Frame:
        """Return the same frame with the direction of the rows made orthogonal."""
        parts = (self.origin, self.up, self.right, self.scale)
        origin, up, right, scale = (part.detach().clone() for part in parts)

        return Frame(origin, up, right, scale)


def steps_of(shape: tuple[int, int]) -> Tensor:
    """Return how far up and right every cell of a picture (H, W) is, (H * W, 2)."""
    height, width = shape
    up = (height - 1) / 2 - torch.arange(height)
    right = torch.arange(width) - (width - 1) / 2
    rows, columns = torch.meshgrid(up, right, indexing="ij")

    return torch.stack([rows, columns], -1).reshape(-1, 2)
