"""The check of a path to write to, before the work whose result is written there."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def check_output_path(path: str | Path, what: str) -> Path:
    """Check that a file can be written, and return its path.

    Arguments:
        path: The file, which need not exist.
        what: What the file is, for the error message, e.g. "checkpoint".

    Raises:
        TypeError: It is not a path.
        FileNotFoundError: The folder of the file does not exist.
        ValueError: It is a folder or a pipe, is in no folder, or may not be written.
    """
    check_is_path(path, what)
    text = os.fspath(path)
    if text in ("", ".") or "\0" in text:
        shown = "" if text == "." else text  # pathlib writes an empty path as "."
        raise ValueError(f"the {what} must be the path of a file, not {shown!r}")

    path = Path(path)
    try:
        target = Path(os.path.realpath(path))
        _check_kind(target, path, what)
        if not target.is_char_device():
            _check_folder(target, path, what)
    except (FileNotFoundError, ValueError):
        raise
    except OSError as error:
        raise ValueError(
            f"cannot write the {what} {path} ({error.strerror}); give another path"
        ) from error

    return path


def check_is_path(path: object, what: str) -> None:
    """Refuse what is no path.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"the {what} must be the path of a file, not {path!r}")


def check_output_folder(path: str | Path, what: str) -> Path:
    """Make a folder if it does not exist, check that files can be written to it, and return it.

    Arguments:
        path: The folder.
        what: What the folder is, for the error message, e.g. "--out".

    Raises:
        ValueError: It is a file, or it cannot be made or written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try_to_write(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(
            f"{what} must be a folder, but {folder} is a file or lies in one; give another"
        ) from error
    except OSError as error:
        raise ValueError(
            f"cannot write to the folder {what} {folder} ({error.strerror}); give another"
        ) from error

    return folder


def _check_kind(target: Path, path: Path, what: str) -> None:
    """Refuse what is there if it is not a file that may be written."""
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return

    if stat.S_ISDIR(mode):
        raise ValueError(
            f"the {what} {path} is a folder; give the path of a file, such as "
            f"{path / 'run.safetensors'}"
        )
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
        raise ValueError(
            f"the {what} {path} is a pipe, a socket or a disk; give the path of a file"
        )
    if not os.access(target, os.W_OK):
        raise ValueError(
            f"the {what} {path} may not be written (no permission); give another path"
        )


def _check_folder(target: Path, path: Path, what: str) -> None:
    """Refuse a file whose folder does not exist or does not take files."""
    folder = target.parent
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            f"the {what} {path} cannot be written, because {folder} is a file and not a "
            "folder; give another path"
        )
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {path.parent} for the {what} {path.name}; create it, or "
            "give another path"
        )

    _try_to_write(folder)


def _try_to_write(folder: Path) -> None:
    """Write an empty file to a folder, and remove it."""
    descriptor, name = tempfile.mkstemp(prefix=".zoo-", dir=folder)
    os.close(descriptor)
    os.unlink(name)
