"""Numbers too small to be stored as normal ones are zero for a while: a processor takes a hundred times as long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flush_subnormals() -> Iterator[None]:
    """Take numbers below 1e-38 as zero in this thread, and in the threads that it starts; then as before.

    Slopes of saturated units and of classes that are all but excluded are that small,
    and go on through every layer below: under a wide prior a step of Bayes by Backprop
    took four times as long. Threads that PyTorch has started before keep their own way,
    which `torch.set_flush_denormal(True)` at the top of a program changes.

    Example:
        >>> with flush_subnormals():
        ...     torch.tensor(1e-30) * torch.tensor(1e-10)
        tensor(0.)
    """
    before = is_flushing()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def is_flushing() -> bool:
    """Tell whether numbers below 1e-38 are zero here; PyTorch does not say."""
    small, smaller = (
        torch.tensor(value, dtype=torch.float32, device="cpu")
        for value in (1e-30, 1e-10)
    )
    return float(small * smaller) == 0.0
