"""The rows of padding of embeddings: they keep their value under any prior of the others."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pyro.distributions import Independent
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn
from torch.distributions import Distribution, Transform, constraints

from zoo.runtime.distributions import placed, support_of, to
from zoo.runtime.fixed_rows import FixedRows, InsertRows, with_fixed_rows, without_rows
from zoo.runtime.network_call import places


@dataclass(frozen=True)
class Padding:
    """The rows of padding of one embedding.

    Arguments:
        rows: Their indices, in increasing order.
        weight: The weight (V, D) in the network.
    """

    rows: tuple[int, ...]
    weight: Tensor

    @property
    def values(self) -> Tensor:
        """The values (R, D) of the rows in the network."""
        return torch.stack([self.weight[row] for row in self.rows])

    @property
    def free(self) -> Tensor:
        """The other rows (V - R, D) in the network."""
        return without_rows(self.weight, self.rows)

    def restored(self, weight: Tensor) -> Tensor:
        """Return a weight (*S, V, D) with the rows of padding as in the network."""
        free = without_rows(weight, self.rows)

        return InsertRows(self.rows, self.values, constraints.real)(free)

    def around(self, free: TorchDistributionMixin) -> TorchDistributionMixin:
        """Return the distribution of the weight, given that of its other rows."""
        return with_fixed_rows(free, support_of(free), self.rows, self.values)

    def prior(
        self, distribution: TorchDistributionMixin, name: str
    ) -> TorchDistributionMixin:
        """Return the prior of the weight: what a distribution says of the other rows.

        Arguments:
            distribution: A distribution that broadcasts to the other rows, or to the whole
                weight if it has independent rows.
            name: Name of the weight, for the error message.

        Raises:
            ValueError: A distribution of another shape.
        """
        if isinstance(support_of(distribution), FixedRows):
            return placed(distribution, self.weight, name)

        elementwise = distribution
        while isinstance(elementwise, Independent):
            elementwise = elementwise.base_dist

        is_whole = elementwise.batch_shape[:1] == self.weight.shape[:1]
        if is_whole and not elementwise.event_shape:
            whole = to(elementwise, self.weight).expand(self.weight.shape)
            rows = range(len(self.weight))
            kept = [row for row in rows if row not in self.rows]
            free = _selected(whole, kept, self.weight.shape)
            return self.around(free.to_event(2))

        return self.around(placed(distribution, self.free, name))


def paddings(network: nn.Module) -> dict[str, Padding]:
    """Return the padding of the embeddings of a network, by the name of the weight.

    A weight that is computed from other tables, as under `spectral_norm`, has its padding
    in these.
    """
    rows: dict[str, set[int]] = {}
    weights: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    for layer, module in network.named_modules():
        if not isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            continue
        if module.padding_idx is None:
            continue

        names = names or places(network)
        row = module.padding_idx % module.num_embeddings
        for place, tensor in module.named_parameters(prefix=layer):
            is_table = tensor.dim() == 2 and len(tensor) == module.num_embeddings
            if is_table:
                name = names[place]
                weights[name] = tensor.detach()
                rows.setdefault(name, set()).add(row)

    return {name: Padding(tuple(sorted(rows[name])), weights[name]) for name in rows}


def _selected(value: Any, kept: list[int], shape: torch.Size) -> Any:
    """Return some rows of a distribution, or of a part of one, whose batch is of a shape."""
    if isinstance(value, Tensor):
        return value[kept] if value.shape[: len(shape)] == shape else value

    if type(value) in (list, tuple):
        return type(value)(_selected(part, kept, shape) for part in value)

    if not isinstance(value, (Distribution, Transform)):
        return value

    selected: Any = copy.copy(value)
    for key, part in vars(value).items():
        if isinstance(part, (Tensor, Distribution, Transform, list)):
            vars(selected)[key] = _selected(part, kept, shape)

    batch = getattr(value, "_batch_shape", torch.Size())
    if batch[: len(shape)] == shape:
        selected._batch_shape = torch.Size((len(kept), *batch[1:]))

    return selected


def prior_of(
    distribution: TorchDistributionMixin,
    like: Tensor,
    name: str,
    padded: Mapping[str, Padding],
) -> TorchDistributionMixin:
    """Return the prior of a tensor; the rows of padding of an embedding have none."""
    if name in padded:
        return padded[name].prior(distribution, name)

    return placed(distribution, like, name)
