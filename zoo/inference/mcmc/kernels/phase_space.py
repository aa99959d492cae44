"""Points, steps and paths of microcanonical dynamics."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.masked import where_chains


class PhasePoint(NamedTuple):
    """Where the chains are.

    Arguments:
        u: Whitened positions, (C, P).
        velocity: Velocities of unit length, (C, P).
        gradient: Gradient of the potential at u, (C, P).
        energy: Potential at u, (C,).
    """

    u: Tensor
    velocity: Tensor
    gradient: Tensor
    energy: Tensor

    def where(self, mask: Tensor, other: PhasePoint) -> PhasePoint:
        """Return these points for the chains of a mask (C,), other ones for the rest."""
        values = []
        for mine, others in zip(self, other, strict=True):
            values.append(where_chains(mask, mine, others))

        return PhasePoint(*values)


class LangevinStep(NamedTuple):
    """The result of a step.

    Arguments:
        point: Where the chains are after it.
        change: Change of the total energy, 0 if the step was undone, (C,).
        undone: Whether the step was undone, (C,).
    """

    point: PhasePoint
    change: Tensor
    undone: Tensor


class Totals(NamedTuple):
    """What is known of the steps of a path.

    Arguments:
        change: Sum of the changes of the total energy, (C,).
        squares: Sum of their squares, (C,).
        undone: Number of steps that were undone, (C,).
    """

    change: Tensor
    squares: Tensor
    undone: Tensor

    @classmethod
    def zeros(cls, like: Tensor) -> Totals:
        """Return the totals before the first step."""
        return cls(*[torch.zeros_like(like) for _ in cls._fields])

    def after(self, step: LangevinStep) -> Totals:
        """Return the totals after one more step."""
        change = self.change + step.change
        squares = self.squares + step.change.square()

        return Totals(change, squares, self.undone + step.undone)

    def cleared(self, mask: Tensor) -> Totals:
        """Return totals that begin again for the chains of a mask (C,)."""
        return Totals(*[value.masked_fill(mask, 0.0) for value in self])


class PathEnd(NamedTuple):
    """The ends of paths, with leading dimensions for several paths of every chain.

    Arguments:
        u: Whitened positions, (*, C, P).
        energy: Potential at u, (*, C).
        change: Sum of the changes of the total energy, (*, C).
        squares: Sum of their squares, (*, C).
        undone: Number of steps that were undone, (*, C).
    """

    u: Tensor
    energy: Tensor
    change: Tensor
    squares: Tensor
    undone: Tensor

    @property
    def totals(self) -> Totals:
        """What is known of the steps of the paths."""
        return Totals(self.change, self.squares, self.undone)

    def at(self, number: Tensor | int) -> PathEnd:
        """Return some of the leading elements."""
        return PathEnd(*[value[number] for value in self])
