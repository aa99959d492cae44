"""The user's statement that led here: for warnings and for error messages."""

from __future__ import annotations

import linecache
import sys
import traceback
from pathlib import Path

OURS = Path(__file__).parents[1]


def statement(error: BaseException) -> str:
    """Name the statement of the user's program that an error comes from: the innermost that is no library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not is_library(frame.filename)] or list(frames)
    if not own:
        return "the program"
    frame = own[-1]
    line = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
    return f"{Path(frame.filename).name}, line {frame.lineno}, `{line}`"


def stack_level() -> int:
    """Return the stack level, for a warning of the caller's, of the user's statement that led to it."""
    frame, number = sys._getframe(1), 1
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        frame, number = frame.f_back, number + 1
    return number


def is_library(filename: str) -> bool:
    """Tell whether a file belongs to Python, to an installed package or to the zoo itself."""
    return (
        "site-packages" in filename
        or filename.startswith(("<frozen", sys.base_prefix + "/lib/"))
        or OURS in Path(filename).parents
    )
