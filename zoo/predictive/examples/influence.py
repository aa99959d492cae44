"""Which example's outputs each position of a layer changes, by gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.predictive.examples.codes import complete, decode
from zoo.predictive.examples.layer_calls import LayerCall, Names
from zoo.predictive.examples.trial_runs import TrialRuns

Found = tuple[int, list[int]]
"""A dimension of a layer's input, and the example at each place along it."""


def examples_by_influence(
    runs: TrialRuns, calls: Sequence[LayerCall], table: Tensor
) -> list[Found | None]:
    """Return where the examples are in the input of each call, None where that is not found.

    A position belongs to the example whose outputs have a gradient with respect to the
    layer's output there. One backward pass takes the outputs of several examples.

    Arguments:
        runs: Trial runs of the network.
        calls: Calls of layers in these runs.
        table: The examples of each backward pass, (M, B).
    """
    names = frozenset[str]().union(*(call.names for call in calls))
    at_layers = _LayerOutputs(names)
    outputs = runs.run(runs.inputs, at_layers).outputs
    outputs = [output for output in outputs if output.requires_grad]
    if not outputs or at_layers.shapes != [call.shape for call in calls]:
        return [None] * len(calls)

    weights = [torch.randn_like(output) for output in outputs]
    changed: list[list[list[Tensor]]] = [[] for _ in calls]  # by call, run, dimension

    for members in table.to(outputs[0].device):
        loss = _loss(outputs, weights, members)
        gradients = torch.autograd.grad(
            loss, at_layers.outputs, retain_graph=True, allow_unused=True
        )
        for number, gradient in enumerate(gradients):
            if gradient is None:
                gradient = torch.zeros_like(at_layers.outputs[number])

            dims = calls[number].dims
            along = [_is_changed_along(gradient, dim) for dim in dims]
            changed[number].append(along)

    pairs = zip(calls, changed, strict=True)

    return [_found(call, each, table) for call, each in pairs]


class _LayerOutputs:
    """Keeps the outputs of layers as tensors that have gradients.

    Arguments:
        names: Names of the weights of the layers.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.shapes: list[torch.Size] = []  # of the inputs
        self.outputs: list[Tensor] = []

    def __call__(self, call: LayerCall, output: Tensor) -> Tensor:
        """Keep the output of a layer, and return it."""
        if self.names.isdisjoint(call.names):
            return output

        one = torch.ones_like(output[:1].flatten()[:1]).requires_grad_()
        kept = output * one  # no leaf, so that the network may write to it
        self.shapes.append(call.shape)
        self.outputs.append(kept)

        return kept


def _loss(
    outputs: Sequence[Tensor], weights: Sequence[Tensor], members: Tensor
) -> Tensor:
    """Return a random combination of the outputs (B, ...) of some examples."""
    total = torch.zeros((), device=members.device)
    for output, weight in zip(outputs, weights, strict=True):
        chosen = (output * weight)[members]
        total = total + chosen.sum().real

    return total


def _is_changed_along(gradient: Tensor, dim: int) -> Tensor:
    """Return at which indices of a dimension a gradient is not zero, (n,)."""
    is_changed = (gradient != 0).movedim(dim, 0)

    return is_changed.reshape(len(is_changed), -1).any(1)


def _found(
    call: LayerCall, changed: Sequence[Sequence[Tensor]], table: Tensor
) -> Found | None:
    """Return the first dimension along which every index has one example."""
    for number, dim in enumerate(call.dims):
        along = torch.stack([each[number] for each in changed]).cpu()  # (M, n)
        examples = decode(along, table)
        if examples is None:
            continue

        examples = complete(examples, table.shape[1])
        if examples is not None:
            return dim, examples

    return None
