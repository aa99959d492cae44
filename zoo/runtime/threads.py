"""The number of threads: one for small networks and batches, and one for each part of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

from zoo.runtime.rows import Rows, num_elements

_SMALL = 2**16  # elements of a batch, or weights, below which one thread is faster

_allowed: ContextVar[int | None] = ContextVar("allowed", default=None)


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
    token = _allowed.set(num_allowed())
    torch.set_num_threads(1 if is_small else before)

    try:
        yield
    finally:
        torch.set_num_threads(before)
        _allowed.reset(token)


def num_allowed() -> int:
    """Return the number of threads that the user allows: that outside of `one_if_small`."""
    return _allowed.get() or torch.get_num_threads()


def at_the_same_time(function: Callable[..., Any], parts: Sequence[tuple]) -> list[Any]:
    """Call a function with the arguments of every part, each in a thread of its own.

    Arguments:
        function: A function that takes seconds outside of Python, such as a compiled loop.
        parts: The arguments of each call.
    """
    if len(parts) == 1:
        return [function(*parts[0])]

    with ThreadPoolExecutor(len(parts), initializer=_use_one) as pool:
        calls = [pool.submit(function, *part) for part in parts]

    return [call.result() for call in calls]


def _use_one() -> None:
    """Let torch use one thread for each operation of this one."""
    torch.set_num_threads(1)


def _num_weights(network: nn.Module | None) -> int:
    """Return the number of weights of a network."""
    if network is None:
        return 0

    return sum(parameter.numel() for parameter in network.parameters())
