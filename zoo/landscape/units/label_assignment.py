"""Places of the units of many draws at once, by the normal laws of what has one label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.landscape.units.units import Axis, UnitGroup

_LEAST_SHARE = 1e-2  # of the mean variance of a tensor, below which no variance falls


class Law(NamedTuple):
    """Means and variances of the entries of a tensor over draws, (*shape) each."""

    mean: Tensor
    variance: Tensor

    @classmethod
    def of_draws(cls, values: Tensor) -> Law:
        """Return the moments of draws (S, *shape)."""
        variance = values.var(0, correction=0)
        least = _LEAST_SHARE * variance.mean().clamp_min(1e-30)

        return cls(values.mean(0), variance.clamp_min(least))

    @classmethod
    def of_one(cls, value: Tensor) -> Law:
        """Return the law around one value (*shape), of equal variances."""
        return cls(value, value.square().mean().clamp_min(1e-30).expand_as(value))


class Places(NamedTuple):
    """New places of the units of every draw, as in `Move`.

    Arguments:
        order: The old position of each unit, (S, H).
        signs: 1 or -1 for each unit, (S, H).
    """

    order: Tensor
    signs: Tensor

    @property
    def is_still(self) -> bool:
        """Whether no unit of any draw moves."""
        own = torch.arange(self.order.shape[1])
        return bool((self.order == own).all()) and bool((self.signs > 0).all())


def best_places(
    draws: Mapping[str, Tensor], laws: Mapping[str, Law], units: UnitGroup
) -> Places:
    r"""Return the places of the units at which draws are most probable under laws of labels.

    .. math:: \min_\pi \sum_j \sum_k
        \frac{(s_j w_{\pi(j) k} - \mu_{jk})^2}{2 \sigma_{jk}^2}

    Arguments:
        draws: Values (S, *shape) by name.
        laws: Laws of the tensors by name.
        units: The units that change places.
    """
    from scipy.optimize import linear_sum_assignment

    own, turned = _costs(draws, laws, units)
    cheapest = torch.minimum(own, turned) if units.is_odd else own
    orders = []
    for cost in cheapest.numpy():
        _, columns = linear_sum_assignment(cost)
        orders.append(torch.from_numpy(columns))

    order = torch.stack(orders)  # (S, H)
    signs = torch.ones(order.shape, dtype=own.dtype)
    if units.is_odd:
        index = order[:, :, None]
        is_turned = turned.gather(2, index) < own.gather(2, index)
        signs[is_turned[..., 0]] = -1.0

    return Places(order, signs)


def _costs(
    draws: Mapping[str, Tensor], laws: Mapping[str, Law], units: UnitGroup
) -> tuple[Tensor, Tensor]:
    """Return the costs (S, H, H) of label j for unit i, as it is and with its sign turned."""
    own, turned = 0.0, 0.0
    for axis in units.axes:
        values = _by_unit(axis, draws[axis.name]).double().cpu()  # (S, H, K)
        mean = axis.by_unit(laws[axis.name].mean).double().cpu()
        precision = 1 / axis.by_unit(laws[axis.name].variance).double().cpu()

        squares = torch.einsum("jk,sik->sji", precision, values.square())
        products = torch.einsum("jk,sik->sji", precision * mean, values)
        constant = (precision * mean.square()).sum(1)[:, None]

        even = 0.5 * (squares + constant)
        sign = -1.0 if axis.flips else 1.0
        own = own + even - products
        turned = turned + even - sign * products

    return torch.as_tensor(own), torch.as_tensor(turned)


def _by_unit(axis: Axis, values: Tensor) -> Tensor:
    """Return the entries of the units of draws (S, *shape), (S, H, K)."""
    return torch.vmap(axis.by_unit)(values)


def with_places(
    draws: Mapping[str, Tensor], axes: Sequence[Axis], places: Places
) -> dict[str, Tensor]:
    """Return draws (S, *shape) by name with the units of a group in other places."""
    found = dict(draws)
    for axis in axes:
        found[axis.name] = _moved(axis, found[axis.name], places)

    return found


def _moved(axis: Axis, values: Tensor, places: Places) -> Tensor:
    """Return draws (S, *shape) of a tensor with the units along an axis in other places."""
    num_draws, size = len(values), values.shape[1 + axis.dim]
    index = torch.arange(size).repeat(num_draws, 1)
    signs = torch.ones(num_draws, size)

    chosen = axis.entries[places.order]  # (S, H, R)
    index[:, axis.entries.flatten()] = chosen.flatten(1)
    if axis.flips:
        repeated = places.signs.float()[..., None].expand_as(chosen)
        signs[:, axis.entries.flatten()] = repeated.flatten(1)

    shape = [num_draws] + [1] * (values.dim() - 1)
    shape[1 + axis.dim] = size
    index = index.reshape(shape).expand_as(values).to(values.device)

    return values.gather(1 + axis.dim, index) * signs.reshape(shape).to(values)
