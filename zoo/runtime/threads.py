"""One thread for small work: waiting for a second one costs more than it helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

SMALL = (
    2**16
)  # numbers in a batch, and in the weights, up to which one thread is faster


@contextmanager
def one_if_small(network: nn.Module | None, x: Tensor | None) -> Iterator[None]:
    """Use one thread while a small network meets a small batch, then as many as before.

    Beside another busy process a few hundred data on two threads were six times slower
    than on one.

    Arguments:
        network: The network; None when there is none to look at.
        x: A batch of inputs; None when its size is not known.
    """
    weights = (
        sum(parameter.numel() for parameter in network.parameters())
        if network is not None
        else 0
    )
    small = x is not None and x.numel() < SMALL and weights < SMALL
    before = torch.get_num_threads()
    torch.set_num_threads(1 if small else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
