"""Filters: what else is dropped with all weights of a filter, its bias and its normalisation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, fx, nn

from zoo.priors.node import has_nodes
from zoo.runtime.network_call import places

_NOT_TRACEABLE = (
    fx.proxy.TraceError,
    AttributeError,
    RuntimeError,
    TypeError,
    ValueError,
)


def with_whole_filters(
    network: nn.Module, masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Add masks of the biases and the normalisations of filters that lose all weights.

    Without them such a filter would still add a constant.

    Arguments:
        network: The network.
        masks: Which weights (O, I, *rest) are kept, by name.
    """
    parameters = dict(network.named_parameters())
    normalisations = _following_normalisations(network)

    found = dict(masks)
    for name, mask in masks.items():
        kept = mask.flatten(1).any(1)  # (O,)
        layers = _layers_of(network, name)
        layers |= {normalisations.get(layer, layer) for layer in layers}

        for other, parameter in parameters.items():
            if layer_of(other) in layers and parameter.shape == kept.shape:
                found[other] = kept

    return found


def without_last_layer(network: nn.Module, names: Iterable[str]) -> list[str]:
    """Return the names of weights without the last layer's, whose outputs are predictions."""
    last = ""
    for name, layer in network.named_modules():
        if has_nodes(layer):
            last = name

    return [name for name in names if last not in _layers_of(network, name)]


def layer_of(name: str) -> str:
    """Return the name of the layer that a tensor belongs to."""
    layer, _dot, _tensor = name.rpartition(".")
    return layer


def _layers_of(network: nn.Module, name: str) -> set[str]:
    """Return the names of the layers that a tensor belongs to, several if it is tied."""
    return {layer_of(place) for place, own in places(network).items() if own == name}


def _following_normalisations(network: nn.Module) -> dict[str, str]:
    """Return the normalisation that follows each layer, by the layers' names.

    The result is empty for a network that cannot be traced, because its operations depend
    on the data. It may name activations too; these have no parameters to drop.
    """
    try:
        nodes = _LayerTracer().trace(network).nodes
    except _NOT_TRACEABLE:
        return {}

    found = {}
    for node in nodes:
        before = node.args[0] if node.args else None
        if node.op != "call_module" or not isinstance(before, fx.Node):
            continue
        if before.op != "call_module":
            continue

        layer = network.get_submodule(str(before.target))
        following = network.get_submodule(str(node.target))
        if has_nodes(layer) and not has_nodes(following):
            found[str(before.target)] = str(node.target)
    return found


class _LayerTracer(fx.Tracer):
    """A tracer that does not look inside layers."""

    def is_leaf_module(self, module: nn.Module, _name: str) -> bool:
        """Return whether a module has no children."""
        return not any(module.children())
