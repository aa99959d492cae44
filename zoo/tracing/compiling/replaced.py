"""A function of torch's with another one in its place, for as long as a program is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, name: str, other: Any) -> Iterator[None]:
    """Put a function in the place of another one in a `with` block.

    Arguments:
        owner: The module or class that has it.
        name: Its name.
        other: The function in its place.
    """
    before = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, before)
