"""The small files of a run: read if they are whole, and written without harm to the run."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.posterior.damaged_file import DamagedFile
from zoo.runtime.caller import stack_level
from zoo.runtime.files.atomic import set_aside, write_text
from zoo.runtime.processes import ALONE, joined


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the content of a JSON file; None if there is none, or if it was damaged.

    A damaged file is set aside, with a warning.
    """
    if not path.is_file():
        return None

    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        set_aside(path, str(error))
        return None

    if not isinstance(content, dict):
        set_aside(path, f"it holds {type(content).__name__}")
        return None

    return content


def read_whole(path: Path, read: Callable[[Path], Any]) -> Any | None:
    """Return what a function reads; None if there is no file, or if it was damaged.

    Arguments:
        path: The file. If it is damaged, it is set aside with a warning.
        read: Reads it, and raises `DamagedFile` if it cannot.
    """
    if not path.is_file():
        return None

    try:
        return read(path)
    except DamagedFile as error:
        set_aside(path, str(error))
        return None


def write_json(path: Path, content: object) -> bool:
    """Write a JSON file, or warn that it cannot be written; return whether it was."""
    text = json.dumps(content)
    return written(path, lambda: write_text(path, text))


def written(path: Path, write: Callable[[], object], quiet: bool = False) -> bool:
    """Write a file, or warn that it cannot be written; return whether it was.

    Of several processes of one run the first one writes it.

    Arguments:
        path: The file.
        write: Writes it.
        quiet: Whether to say nothing, because it was said before.
    """
    ranks = joined(None) or ALONE
    if not ranks.is_first:
        return True

    try:
        write()
    except OSError as error:
        if not quiet:
            warnings.warn(
                f"{error}; the run goes on without the file {path.name}",
                stacklevel=stack_level(),
            )
        return False

    return True
