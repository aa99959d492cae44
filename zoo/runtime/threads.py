"""The number of threads: one for small networks and batches, for the time of a `with` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from zoo.runtime.rows import Rows, num_elements

_SMALL = 2**16  # elements of a batch, or weights, below which one thread is faster


@contextmanager
def one_if_small(network: nn.Module | None, x: Rows | None) -> Iterator[None]:
    """Use one thread if network and batch are small; restore the number of threads afterwards.

    To wait for a second thread then costs more than it saves: next to another busy
    process, a step on a few hundred data took six times as long on two threads as on one.

    Arguments:
        network: The network; None if there is none, as for a plain Pyro model.
        x: A batch of inputs; None if its size is not known.
    """
    before = torch.get_num_threads()
    is_small = x is not None and num_elements(x) < _SMALL
    is_small = is_small and _num_weights(network) < _SMALL
    torch.set_num_threads(1 if is_small else before)

    try:
        yield
    finally:
        torch.set_num_threads(before)


def _num_weights(network: nn.Module | None) -> int:
    """Return the number of weights of a network."""
    if network is None:
        return 0

    return sum(parameter.numel() for parameter in network.parameters())
