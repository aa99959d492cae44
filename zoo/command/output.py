"""The files that a command writes: tried before the work, each written for itself after it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from zoo.runtime.files.atomic import write_text
from zoo.runtime.files.output_path import check_output_folder, check_output_path

Write = Callable[[Path], object]


def output_paths(folder: Path, *names: str) -> list[Path]:
    """Make the folder of a command's files, and return their paths.

    Arguments:
        folder: The folder.
        names: The names of the files.

    Raises:
        ValueError: The folder or one of the files cannot be written.
    """
    check_output_folder(folder, "--out")

    return [check_output_path(folder / name, "file") for name in names]


def write_files(writes: Mapping[Path, Write]) -> None:
    """Write files, and print their paths.

    Arguments:
        writes: For every path the function that writes it.

    Raises:
        OSError: Some could not be written, after all others were; the message names them.
    """
    written = []
    failed = []
    for path, write in writes.items():
        try:
            write(path)
            written.append(str(path))
        except OSError as error:
            failed.append(str(error))

    if written:
        print(f"written: {', '.join(written)}")
    if failed:
        raise OSError("; ".join(failed))


def as_json(facts: Mapping[str, Any]) -> Write:
    """Return a function that writes facts to a JSON file."""
    text = json.dumps(facts, indent=2) + "\n"
    return partial(_write, text)


def _write(text: str, path: Path) -> None:
    """Write a text to a file."""
    write_text(path, text)
