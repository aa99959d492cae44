"""Trial runs of a network, which leave no trace, and the outputs that a change has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from zoo.predictive.examples.layer_calls import Change, LayerCalls
from zoo.runtime.apart import seed
from zoo.runtime.rows import Rows

Network = Callable[[Mapping[str, Tensor], Rows], Any]
"""Runs a network: values of its tensors by name and its inputs give its outputs."""


class TrialRun(NamedTuple):
    """The output tensors of a run, and what it did with the tensors of the network."""

    outputs: list[Tensor]
    used: LayerCalls


class TrialRuns:
    """Runs of a network from the same random numbers, each with copies of all tensors.

    Arguments:
        network: Runs the network.
        values: Values of the tensors of the network and of its nodes by name, without
            gradients.
        nodes: Names of the nodes.
        inputs: The inputs.
    """

    def __init__(
        self,
        network: Network,
        values: Mapping[str, Tensor],
        nodes: Collection[str],
        inputs: Rows,
    ) -> None:
        self.network = network
        self.values = values
        self.nodes = nodes
        self.inputs = inputs
        self.first = self.run(inputs)

    @property
    def num_examples(self) -> int | None:
        """The number of examples B, i.e. of rows of the outputs; None if there are no rows."""
        lengths = {len(each) if each.dim() else 0 for each in self.first.outputs}
        if len(lengths) != 1:
            return None

        return lengths.pop() or None

    def run(self, inputs: Rows, change: Change | None = None) -> TrialRun:
        """TrialRun the network once."""
        values = {name: value.clone() for name, value in self.values.items()}
        used = LayerCalls(values, self.nodes, change)

        seed(0)
        with used:
            outputs = self.network(values, tree_map(_copy, inputs))

        return TrialRun(_tensors(outputs), used)

    def in_other_order(self) -> Rows:
        """Return the inputs with the last example in front of the others."""

        def moved(leaf: Any) -> Any:
            is_rows = isinstance(leaf, Tensor) and leaf.dim() > 0
            if is_rows and len(leaf) == self.num_examples:
                return leaf.roll(1, 0)

            return leaf

        return tree_map(moved, self.inputs)


def changed_rows(before: list[Tensor], after: list[Tensor]) -> Tensor:
    """Return which rows of outputs (B, ...) differ between two runs, (B,)."""
    is_changed = torch.zeros(len(before[0]), dtype=torch.bool, device=before[0].device)

    for one, other in zip(before, after, strict=True):
        if one.shape != other.shape:
            return torch.ones_like(is_changed)

        differs = (one != other) & ~(one.isnan() & other.isnan())
        is_changed = is_changed | differs.reshape(len(one), -1).any(1)

    return is_changed


def _tensors(outputs: Any) -> list[Tensor]:
    """Return the tensors in a nest."""
    return [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]


def _copy(leaf: Any) -> Any:
    """Return a copy of a tensor, or anything else as it is."""
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf
