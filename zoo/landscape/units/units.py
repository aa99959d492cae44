"""Hidden units of a network, where their weights are, and other orders and signs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Move(NamedTuple):
    """New places of units: unit i becomes what unit `order[i]` was, times its sign.

    Arguments:
        order: The old position of each unit, (H,).
        signs: 1 or -1 for each unit, (H,).
    """

    order: Tensor
    signs: Tensor


@dataclass(frozen=True, eq=False)
class Axis:
    """A dimension of a tensor along which units are arranged.

    Arguments:
        name: Name of the tensor.
        dim: The dimension.
        entries: Positions of each unit along it, (H, R): R neighbouring pixels of a channel,
            or the channels of several stages that are one channel.
        flips: Whether the entries of a unit change sign with it.
    """

    name: str
    dim: int
    entries: Tensor
    flips: bool = True

    def moved(self, value: Tensor, move: Move) -> Tensor:
        """Return the tensor with its units in other places."""
        size = value.shape[self.dim]
        index = torch.arange(size)
        index[self.entries.flatten()] = self.entries[move.order].flatten()
        found = value.index_select(self.dim, index.to(value.device))
        if not self.flips or not bool((move.signs < 0).any()):
            return found

        signs = torch.ones(size)
        signs[self.entries] = move.signs[:, None]
        shape = [1] * value.dim()
        shape[self.dim] = size

        return found * signs.reshape(shape).to(value)

    def by_unit(self, value: Tensor) -> Tensor:
        """Return the entries of the units as a matrix with a row for each."""
        moved = value.movedim(self.dim, 0)
        entries = self.entries.flatten().to(value.device)

        return moved[entries].reshape(len(self.entries), -1)


@dataclass(frozen=True, eq=False)
class UnitGroup:
    """Hidden units that can change places with each other.

    Arguments:
        size: Number of units H.
        axes: All places where they are.
        is_odd: Whether the network is the same function with the sign of a unit changed, as
            with tanh.
    """

    size: int
    axes: Sequence[Axis]
    is_odd: bool

    def still(self) -> Move:
        """Return no move."""
        return Move(torch.arange(self.size), torch.ones(self.size))

    def random(self) -> Move:
        """Return a random move."""
        signs = torch.ones(self.size)
        if self.is_odd:
            signs = 1.0 - 2.0 * torch.randint(2, (self.size,))

        return Move(torch.randperm(self.size), signs)


def moved(
    values: Mapping[str, Tensor], groups: Sequence[UnitGroup], moves: Sequence[Move]
) -> dict[str, Tensor]:
    """Return weights with the units of all groups in other places.

    Arguments:
        values: Weights and statistics of batch normalisation by name.
        groups: The groups of units.
        moves: The move of each.
    """
    found = dict(values)
    for units, move in zip(groups, moves, strict=True):
        for axis in units.axes:
            if axis.name in found:
                found[axis.name] = axis.moved(found[axis.name], move)

    return found
