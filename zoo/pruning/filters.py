"""Filters that go whole: with their weights goes their bias, and what a normalisation makes of them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, fx, nn

from zoo.priors.node import has_nodes


def with_filters(network: nn.Module, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add masks of the biases of filters that lose all their weights, and of the normalisations that follow them.

    Without these a filter would go on as a constant.

    Arguments:
        network: The network.
        masks: What is left of weights (O, I, *rest) by name.
    """
    own, following = dict(network.named_parameters()), normalisations(network)
    found = dict(masks)
    for name, mask in masks.items():
        layer, left = owner(name), mask.flatten(1).any(1)  # (O,)
        layers = (layer, following.get(layer, layer))
        found |= {
            other: left
            for other, p in own.items()
            if owner(other) in layers and p.shape == left.shape
        }
    return found


def hidden(network: nn.Module, names: Mapping[str, Tensor]) -> list[str]:
    """Return the names of weights but the last layer's: the network's own outputs are no filters to drop."""
    last = [name for name, layer in network.named_modules() if has_nodes(layer)][-1]
    return [name for name in names if owner(name) != last]


def owner(name: str) -> str:
    """Return the name of the layer that a tensor belongs to."""
    return name.rpartition(".")[0]


def normalisations(network: nn.Module) -> dict[str, str]:
    """Return which normalisation follows each layer, by the layers' names; none where a network cannot be traced."""
    try:
        nodes = Leaves().trace(network).nodes
    except (
        fx.proxy.TraceError,
        AttributeError,
        RuntimeError,
        TypeError,
        ValueError,
    ):  # its flow depends on the data
        return {}
    found = {}
    for node in nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if isinstance(before, fx.Node) and before.op == "call_module":
            layer, after = (
                network.get_submodule(before.target),
                network.get_submodule(node.target),
            )
            if has_nodes(layer) and not has_nodes(after):
                found[before.target] = (
                    node.target
                )  # an activation has nothing of its own to drop
    return found


class Leaves(fx.Tracer):
    """A tracer that looks into no layer, whoever wrote it."""

    def is_leaf_module(self, module: nn.Module, _name: str) -> bool:
        """Tell whether a module is made of no others."""
        return not any(module.children())
