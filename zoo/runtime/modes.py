"""Training and evaluation mode of a network, for the time of a `with` block."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every layer back into its own mode afterwards."""
    with _mode(network, training=False):
        yield


@contextmanager
def training_mode(network: nn.Module, frozen: Collection[str] = ()) -> Iterator[None]:
    """Put a network into training mode, and every layer back into its own mode afterwards.

    A layer whose parameters are all frozen is put into evaluation mode, so that its
    running statistics do not change.

    Arguments:
        network: The network.
        frozen: Names of its frozen parameters.
    """
    frozen = set(frozen)
    with _mode(network, training=True):
        for prefix, layer in network.named_modules():
            names = {name for name, _ in layer.named_parameters(prefix)}
            if names and names <= frozen:
                layer.eval()

        yield


@contextmanager
def _mode(network: nn.Module, training: bool) -> Iterator[None]:
    """Put a network into one mode, and every layer back into its own mode afterwards."""
    before = [(layer, layer.training) for layer in network.modules()]
    network.train(training)

    try:
        yield
    finally:
        for layer, was_training in before:
            layer.training = was_training
