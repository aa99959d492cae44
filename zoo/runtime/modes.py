"""Training and evaluation mode of a network, for the time of a `with` block."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TypeGuard

from torch import nn

from zoo.runtime.turn import turn


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every layer back into its own mode afterwards."""
    with _own_modes(network):
        if any(layer.training for layer in network.modules()):
            network.eval()

        yield


@contextmanager
def training_mode(network: nn.Module, frozen: Collection[str] = ()) -> Iterator[None]:
    """Put a network into training mode, and every layer back into its own mode afterwards.

    If the network itself is in training mode, parts that the user has put into evaluation
    mode stay there. If it is in evaluation mode, e.g. after `network.eval()`, all of it is
    trained. Frozen layers are in evaluation mode, so that their running statistics do not
    change: those whose parameters are all frozen, and layers without parameters, such as a
    batch normalisation that is not affine, next to them.

    Arguments:
        network: The network.
        frozen: Names of its frozen parameters.
    """
    with _own_modes(network):
        if not network.training:
            network.train()

        for layer in _frozen_layers(network, frozen):
            layer.eval()

        yield


def _frozen_layers(network: nn.Module, frozen: Collection[str]) -> list[nn.Module]:
    """Return the layers that do not change.

    A layer that has buffers and no parameters is as the layer with parameters before it in
    the order of registration; without one before it, as the one after it.
    """
    tensors = {id(each) for name, each in network.named_parameters() if name in frozen}

    layers = []
    first = []
    follows_frozen: bool | None = None
    for layer in network.modules():
        inside = {id(each) for each in layer.parameters()}
        own = {id(each) for each in layer.parameters(recurse=False)}
        has_statistics = not inside and len(list(layer.buffers(recurse=False))) > 0

        if inside and inside <= tensors:
            layers.append(layer)
        if has_statistics and follows_frozen is None:
            first.append(layer)
        if has_statistics and follows_frozen:
            layers.append(layer)
        if own:
            is_first = follows_frozen is None
            follows_frozen = own <= tensors
            if is_first and follows_frozen:
                layers.extend(first)

    return layers


@contextmanager
def _own_modes(network: nn.Module) -> Iterator[None]:
    """Put every layer back into its own mode afterwards; gradients of embeddings are dense."""
    with turn():
        before = [(layer, layer.training) for layer in network.modules()]
        sparse = [layer for layer, _ in before if _has_sparse_gradient(layer)]
        try:
            for embedding in sparse:  # a draw of a weight has a dense gradient
                embedding.sparse = False

            yield
        finally:
            for embedding in sparse:
                embedding.sparse = True

            for layer, was_training in before:
                if layer.training != was_training:
                    layer.training = was_training


def _has_sparse_gradient(
    layer: nn.Module,
) -> TypeGuard[nn.Embedding | nn.EmbeddingBag]:
    """Return whether a layer is an embedding whose gradient is sparse."""
    return isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) and layer.sparse
