"""Calls by which a program reads what no graph sees: the clock, a file, a tensor's numbers."""

from __future__ import annotations

import builtins
import datetime
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from zoo.runtime.caller import is_library
from zoo.tracing.state.tensor_reads import array_read, tensor_read

_CLOCKS = (
    time.time,
    time.time_ns,
    time.monotonic,
    time.monotonic_ns,
    time.perf_counter,
    time.perf_counter_ns,
    time.process_time,
    time.localtime,
)
_NOW = ("now", "today", "utcnow")


@contextmanager
def outside_calls() -> Iterator[list[str]]:
    """Note what a program reads from outside while a `with` block runs.

    It gives a list that is filled in words. Only calls of the user's own code are noted,
    and arrays that libraries make of tensors. Under a profiler, which has the only place
    for such notes, nothing is noted.
    """
    found: list[str] = []
    if sys.getprofile() is not None:
        yield found
        return

    def note(frame: FrameType, event: str, called: Any) -> None:
        words = ""
        if event == "call":
            words = array_read(frame)
        elif event == "c_call" and not is_library(frame.f_code.co_filename):
            words = tensor_read(called) or _in_words(called)

        if words and words not in found:
            found.append(words)

    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)


def _in_words(called: Any) -> str:
    """Return what a call of a built-in function reads, "" if that is nothing from outside."""
    if called in _CLOCKS:
        return (
            f"it reads the clock by time.{called.__name__}; give the time as an input"
        )

    owner = getattr(called, "__self__", None)
    is_now = called.__name__ in _NOW
    if is_now and isinstance(owner, type) and issubclass(owner, datetime.date):
        name = f"{owner.__name__}.{called.__name__}"
        return f"it reads the clock by {name}; give the time as an input"

    if called is os.urandom:
        return "it draws random numbers from os.urandom; draw them by torch.rand"

    if called is builtins.open:
        return "it opens a file; read it before the fit"

    return ""
