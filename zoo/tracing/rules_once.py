"""Torch's compiler with its rules of dtypes made once for a program, not once for each kernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def rules_once() -> Iterator[None]:
    """Let torch's compiler fill its only table of rules once while it compiles a program.

    It fills the same table thousands of times for a large program, for seconds.
    """
    from torch._inductor import dtype_propagation

    table = getattr(dtype_propagation, "DtypePropagationOpsHandler", None)
    if table is None:  # another version of torch
        yield
        return

    fill = table.__init__
    filled: list[bool] = []

    def fill_once(handler: Any) -> None:
        if not filled:
            fill(handler)
            filled.append(True)

    table.__init__ = fill_once
    try:
        yield
    finally:
        table.__init__ = fill
