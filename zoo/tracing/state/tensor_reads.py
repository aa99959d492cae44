"""Numbers of a tensor that a program reads as an array or a list, which no operation shows."""

from __future__ import annotations

from types import FrameType
from typing import Any

from torch import Tensor

_READS = ("numpy", "tolist", "data_ptr")
_AS_ARRAY = Tensor.__array__.__code__  # by which NumPy and others take a tensor


def array_read(frame: FrameType) -> str:
    """Return what a call of a function in Python reads from a tensor, "" if nothing.

    Arguments:
        frame: The frame of the function.
    """
    if frame.f_code is not _AS_ARRAY:
        return ""

    return _in_words(frame.f_locals["self"], "numpy")


def tensor_read(called: Any) -> str:
    """Return what a call of a built-in function reads from a tensor, "" if nothing.

    Arguments:
        called: The function.
    """
    name = getattr(called, "__name__", "")
    if name not in _READS:
        return ""

    return _in_words(getattr(called, "__self__", None), name)


def _in_words(tensor: Any, name: str) -> str:
    """Return what a graph would repeat: the numbers of the run in which it was recorded."""
    if not isinstance(tensor, Tensor):
        return ""

    return f"it reads the numbers of a tensor by Tensor.{name}; write the calculation with torch"
