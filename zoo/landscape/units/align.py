"""The order of hidden units in which one network is as close as possible to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from zoo.landscape.points.ends import End, model_of
from zoo.landscape.units.hidden_units import hidden_units
from zoo.landscape.units.permuted import check_function, network_values
from zoo.landscape.units.units import Move, UnitGroup, moved
from zoo.runtime.rows import Rows

_MOST_SWEEPS = 100
_STATISTICS = ("running_mean", "running_var")  # they follow, they are not matched


def align(a: End, b: End, x: Rows) -> dict[str, Tensor]:
    r"""Permute the hidden units of one network so that its weights are near those of another.

    .. math:: \min_{P_1, \dots, P_L} \sum_l \lVert W^a_l - P_l W^b_l P_{l-1}^T \rVert^2

    The function is the same. Group by group of units, in random order, the permutation given
    all others is a linear assignment, until none changes. Where an activation is odd, as tanh
    is, the signs of units are chosen too. In a residual network the channels that skips connect
    move together.

    References:
        Git Re-Basin: Merging Models modulo Permutation Symmetries (Ainsworth, Hayase,
            Srinivasa, 2023)

    Arguments:
        a: A posterior, which stands for its mean, or weights by name.
        b: The one whose units are permuted.
        x: Some inputs, at which the network runs to find its units, and at which it is checked
            that the function is the same.

    Returns:
        The weights of b by name, with its units in the order of those of a.

    Raises:
        ValueError: A network with other layers than linear, convolutional and
            batch-normalising ones, or whose units cannot be followed.

    Example:
        >>> other = landscape.permuted(posterior, data.train.x)
        >>> back = landscape.align(posterior, other, data.train.x)
        >>> torch.equal(back["layer1.weight"], posterior.means()["layer1.weight"])
        True
    """
    model = model_of([a, b])
    groups = hidden_units(model, x)
    first, second = network_values(a, model), network_values(b, model)
    found = moved(second, groups, _matching(first, second, groups))
    check_function(model, second, found, x)

    return found


def _matching(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], groups: Sequence[UnitGroup]
) -> list[Move]:
    """Return the places of the units of b, for each group."""
    moves = [units.still() for units in groups]
    for _ in range(_MOST_SWEEPS):
        has_changed = False
        for number in torch.randperm(len(groups)).tolist():
            units = groups[number]
            others = [*moves]
            others[number] = units.still()
            gains = _Gains(a, moved(b, groups, others), units)

            move = gains.best()
            new, old = gains.of(move), gains.of(moves[number])
            if new > old + 1e-9 * abs(old):
                moves[number] = move
                has_changed = True

        if not has_changed:
            break

    return moves


class _Gains:
    """Inner products of the weights of all units of a group in two networks, (H, H).

    Arguments:
        a: The weights of one network.
        b: Those of the other.
        units: The group.
    """

    def __init__(
        self, a: Mapping[str, Tensor], b: Mapping[str, Tensor], units: UnitGroup
    ) -> None:
        zero = torch.zeros(units.size, units.size, dtype=torch.float64)
        self.is_odd = units.is_odd
        self.signed, self.unsigned = zero, zero.clone()
        for axis in units.axes:
            if axis.name in a and not axis.name.endswith(_STATISTICS):
                rows = axis.by_unit(a[axis.name]).double().cpu()
                products = rows @ axis.by_unit(b[axis.name]).double().cpu().T
                total = self.signed if axis.flips else self.unsigned
                total += products

    def best(self) -> Move:
        """Return the move with the largest sum of products."""
        from scipy.optimize import linear_sum_assignment

        signed = self.signed.abs() if self.is_odd else self.signed
        _, columns = linear_sum_assignment((signed + self.unsigned).numpy(), True)
        order = torch.from_numpy(columns)
        signs = torch.ones(len(order))
        if self.is_odd:
            chosen = self.signed.gather(1, order[:, None])[:, 0]
            signs[chosen < 0] = -1.0

        return Move(order, signs)

    def of(self, move: Move) -> float:
        """Return the sum of products after a move."""
        order = move.order[:, None]
        signed = self.signed.gather(1, order)[:, 0] * move.signs

        return float((signed + self.unsigned.gather(1, order)[:, 0]).sum())
