"""The largest memory that a part of a program held: of the process, or of a GPU."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import torch

MEGABYTE = 2**20
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def start_counting() -> None:
    """Begin to count: the peaks become the present use, where the system can do that."""
    with contextlib.suppress(OSError):
        _RESET.write_text("5")  # Linux sets the peak to the present resident set size

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def peak_memory(device: str = "cpu") -> float | None:
    """Return the peak since `start_counting` in megabytes; None where it is not known.

    Arguments:
        device: "cpu" for the resident set size of the process, Python and torch included;
            "cuda" for what torch had of the GPU.
    """
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / MEGABYTE

    return _resident("VmHWM")


def _resident(key: str) -> float | None:
    """Read a size of the process from Linux, in megabytes."""
    try:
        status = _STATUS.read_text()
    except OSError:
        return None

    found = re.search(rf"{key}:\s+(\d+) kB", status)
    return None if found is None else int(found[1]) / 1024
