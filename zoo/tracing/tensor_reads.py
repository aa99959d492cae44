"""Numbers of a tensor that a program reads as an array or a list, which no operation shows."""

from __future__ import annotations

from types import FrameType
from typing import Any

from torch import Tensor

from zoo.runtime.caller import is_library

_READS = ("numpy", "tolist", "data_ptr")
_AS_ARRAY = Tensor.__array__.__code__  # by which NumPy and others take a tensor


def tensor_read(frame: FrameType, event: str, called: Any) -> str:
    """Return what an event of a profile reads from a tensor, in words; "" if it reads nothing.

    A graph would repeat the numbers of the run in which it was recorded.

    Arguments:
        frame: The frame of Python.
        event: Its event, as `sys.setprofile` names it.
        called: The built-in function, of an event "c_call".
    """
    tensor, name = None, ""
    if event == "call" and frame.f_code is _AS_ARRAY:
        tensor, name = frame.f_locals["self"], "numpy"
    elif event == "c_call" and not is_library(frame.f_code.co_filename):
        name = getattr(called, "__name__", "")
        tensor = getattr(called, "__self__", None)
        if name not in _READS:
            return ""

    if not isinstance(tensor, Tensor):
        return ""

    return f"it reads the numbers of a tensor by Tensor.{name}; write the calculation with torch"
