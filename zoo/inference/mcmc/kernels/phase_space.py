"""Points, steps and paths of microcanonical dynamics."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


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


class LangevinPath(NamedTuple):
    """The result of several steps.

    Arguments:
        point: Where the chains are after them.
        change: Sum of the changes of the total energy, (C,).
        squares: Sum of their squares, (C,).
        undone: Number of steps that were undone, (C,).
        num_steps: Number of steps.
    """

    point: PhasePoint
    change: Tensor
    squares: Tensor
    undone: Tensor
    num_steps: int
