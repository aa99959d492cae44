"""A command in several processes: each on a GPU of its own, and only the first one prints."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import torch

from zoo.runtime.processes import ALONE, Processes, joined


@contextmanager
def shared(device: str) -> Iterator[Processes]:
    """Let each process that torchrun has started run a command; yield the processes.

    Arguments:
        device: The device. Each process of a machine takes a GPU of its own.
    """
    ranks = joined(None) or ALONE
    if ranks.size > 1 and device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))

    if ranks.is_first:
        yield ranks
        return

    with redirect_stdout(io.StringIO()):
        yield ranks
