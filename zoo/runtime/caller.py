"""The user's statement that a warning or an error message points to."""

from __future__ import annotations

import linecache
import sys
import traceback
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def statement(error: BaseException) -> str:
    """Name the statement of the user's program that raised an error.

    It is the innermost statement that is not part of a library.

    Arguments:
        error: An error that was raised and caught.
    """
    frames = list(traceback.extract_tb(error.__traceback__))
    if not frames:
        return "the program"

    user_frames = [frame for frame in frames if not is_library(frame.filename)]
    frame = user_frames[-1] if user_frames else frames[-1]

    number = frame.lineno or 0
    line = frame.line or linecache.getline(frame.filename, number)
    file = Path(frame.filename).name

    return f"{file}, line {number}, `{line.strip()}`"


def stack_level() -> int:
    """Return the `stacklevel` by which a warning of the caller names the user's statement."""
    frame = sys._getframe(1)
    level = 1
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
        level += 1

    return level


@cache
def is_library(filename: str) -> bool:
    """Return whether a file belongs to Python, to an installed package or to this package."""
    is_installed = "site-packages" in filename
    is_python = filename.startswith(("<frozen", sys.base_prefix + "/lib/"))

    return is_installed or is_python or _PACKAGE in Path(filename).parents
