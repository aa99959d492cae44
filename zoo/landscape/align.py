"""The order of hidden units in which one network is as close as possible to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from zoo.landscape.chain import (
    HiddenLayer,
    chain_values,
    check_function,
    hidden_layers,
    permute,
)
from zoo.landscape.ends import End, model_of
from zoo.runtime.rows import Rows

_MOST_SWEEPS = 100
_STATISTICS = ("running_mean", "running_var")  # they follow, they are not matched


def align(a: End, b: End, x: Rows) -> dict[str, Tensor]:
    r"""Permute the hidden units of one network so that its weights are near those of another.

    .. math:: \min_{P_1, \dots, P_L} \sum_l \lVert W^a_l - P_l W^b_l P_{l-1}^T \rVert^2

    The function is the same. Layer by layer, in random order, the permutation given all others
    is a linear assignment, until none changes. Signs of units, e.g. of tanh, are not changed.

    References:
        Git Re-Basin: Merging Models modulo Permutation Symmetries (Ainsworth, Hayase,
            Srinivasa, 2023)

    Arguments:
        a: A posterior, which stands for its mean, or weights by name.
        b: The one whose units are permuted.
        x: Some inputs, at which it is checked that the function is the same.

    Returns:
        The weights of b by name, with its units in the order of those of a.

    Raises:
        ValueError: A network that is not a chain of layers.

    Example:
        >>> other = landscape.permuted(posterior, data.train.x)
        >>> back = landscape.align(posterior, other, data.train.x)
        >>> torch.equal(back["layer1.weight"], posterior.means()["layer1.weight"])
        True
    """
    model = model_of([a, b])
    layers = hidden_layers(model)
    first, second = chain_values(a, model), chain_values(b, model)
    orders = _matching(first, second, layers)
    found = permute(second, layers, orders)
    check_function(model, second, found, x)

    return found


def _matching(
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    layers: Sequence[HiddenLayer],
) -> list[Tensor]:
    """Return the order of the units of b for each hidden layer."""
    from scipy.optimize import linear_sum_assignment

    orders = [torch.arange(layer.size) for layer in layers]
    for _ in range(_MOST_SWEEPS):
        has_changed = False
        for number in torch.randperm(len(layers)).tolist():
            others = list(orders)
            others[number] = torch.arange(layers[number].size)
            gains = _similarity(a, permute(b, layers, others), layers[number])
            _, columns = linear_sum_assignment(gains.cpu().numpy(), maximize=True)

            order = torch.from_numpy(columns)
            new = gains.gather(1, order[:, None].to(gains.device)).sum()
            old = gains.gather(1, orders[number][:, None].to(gains.device)).sum()
            if bool(new > old + 1e-9 * old.abs()):
                orders[number] = order
                has_changed = True

        if not has_changed:
            break

    return orders


def _similarity(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], layer: HiddenLayer
) -> Tensor:
    """Return the inner products of the weights of all units of a with those of b, (H, H)."""
    total = torch.zeros(layer.size, layer.size, dtype=torch.float64)
    for axis in layer.axes:
        if axis.name in a and axis.name in b and not axis.name.endswith(_STATISTICS):
            rows = axis.by_unit(a[axis.name]).double().cpu()
            total += rows @ axis.by_unit(b[axis.name]).double().cpu().T

    return total
