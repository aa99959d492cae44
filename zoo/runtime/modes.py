"""Training and evaluation mode of a network, put back afterwards."""

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

    A part whose weights are all frozen is in evaluation mode, so that its statistics do not move.

    Arguments:
        network: The network.
        frozen: Names of its frozen parameters.
    """
    with _mode(network, training=True):
        for prefix, part in network.named_modules():
            names = set()
            for name, _ in part.named_parameters():
                names.add(f"{prefix}.{name}" if prefix else name)
            if names and names <= set(frozen):
                part.eval()
        yield


@contextmanager
def _mode(network: nn.Module, training: bool) -> Iterator[None]:
    before = [(layer, layer.training) for layer in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for layer, was_training in before:
            layer.training = was_training
