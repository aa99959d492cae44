"""The U-turn criterion: whether a trajectory, or a block of its leaves, turns back."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LeafSlots(NamedTuple):
    """Where a leaf is stored, and which blocks it completes.

    Arguments:
        slot: Slot in which to store the leaf, (C,); K if the leaf begins no block.
        completes: Mask of the slots with the first leaves of completed blocks, (C, K).
    """

    slot: Tensor
    completes: Tensor


def leaf_slots(leaf: Tensor, count: int) -> LeafSlots:
    """Return the slot of a leaf, and the slots of the first leaves of the blocks it completes.

    An even leaf begins blocks of 2, 4, ... leaves. Its slot is the number of ones among its
    binary digits, without the last digit. So no first leaf of a block is overwritten before
    the block is complete.

    References:
        Composable Effects for Flexible and Accelerated Probabilistic Programming in NumPyro
        (Phan, Pradhan, Jankowiak, 2019)

    Arguments:
        leaf: Index of the leaf in its subtree, from 0, (C,).
        count: Number of slots K.
    """
    slots = torch.arange(count, device=leaf.device)
    power = slots + 1
    before = leaf[:, None]  # number of leaves before this one
    after = before + 1

    digits = (before >> power) & 1
    ones = digits.sum(-1)
    is_multiple = after >> power << power == after
    num_completed = is_multiple.sum(-1)

    highest = ones[:, None]
    lowest = (ones - num_completed)[:, None]
    completes = (slots <= highest) & (slots > lowest)

    is_even = leaf % 2 == 0
    slot = torch.where(is_even, ones, count)

    return LeafSlots(slot, completes)


def turns_back(first_p: Tensor, last_p: Tensor, displacement: Tensor) -> Tensor:
    r"""Return whether an end of a trajectory moves against the displacement between its ends.

    .. math:: \rho \cdot p_a \le 0 \text{ or } \rho \cdot p_b \le 0, \quad
        \epsilon \rho = \epsilon \Big( \sum_{n=a}^b p_n - \tfrac12 (p_a + p_b) \Big) = m_b - m_a,
        \quad
        m_n = u_n - \tfrac{\epsilon^2}{4} \nabla U(u_n)

    The sum of the momenta between two points of a leapfrog trajectory is the displacement
    between their shifted positions m, so no sums need to be stored.

    References:
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)

    Arguments:
        first_p: Momenta at the first point, (*, P).
        last_p: Momenta at the last point, (*, P).
        displacement: Displacement m_b - m_a in the direction of time, (*, P).
    """
    first = (displacement * first_p).sum(-1) <= 0
    last = (displacement * last_p).sum(-1) <= 0

    return first | last


def shifted_position(u: Tensor, gradient: Tensor, step_size: Tensor) -> Tensor:
    """Return the shifted positions m (C, P) of `turns_back`.

    Arguments:
        u: Whitened positions, (C, P).
        gradient: Gradient of the potential at u, (C, P).
        step_size: Step sizes, (C,).
    """
    quarter = 0.25 * step_size.square()
    return u - quarter[:, None] * gradient
