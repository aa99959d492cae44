"""Files that are written whole or not at all, and damaged files that are put out of the way."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from zoo.runtime.caller import stack_level

_LONGEST_STEM = 40  # of the name of a new file, which must not be too long for a folder
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomically(path: str | Path) -> Iterator[Path]:
    """Yield the path of a new file, which replaces a file when the block has ended.

    If the block fails or is interrupted, the file is as it was. A symbolic link stays a
    link: the file that it leads to is replaced. A device such as /dev/null is written
    into. The permissions of the file stay the same.

    Arguments:
        path: The file, which need not exist.

    Raises:
        OSError: The file cannot be written; the message names the file and the reason.

    Example:
        >>> with atomically(folder / "a.txt") as new:
        ...     _ = new.write_text("whole")
        >>> (folder / "a.txt").read_text()
        'whole'
    """
    target = Path(os.path.realpath(path))
    try:
        mode = _mode_of(target)
        is_device = mode is not None and stat.S_ISCHR(mode)
        folder = Path(tempfile.gettempdir()) if is_device else target.parent
        new = folder / _new_name(target)
        try:
            new.touch(exist_ok=False)
            kept = new.stat().st_mode if mode is None or is_device else mode
            yield new

            if is_device:
                _copy_into(new, target)
            else:
                new.chmod(stat.S_IMODE(kept))
                _replace(new, target)
        finally:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(_sentence(path, error)) from error


def write_text(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all."""
    with atomically(path) as new:
        new.write_text(text)


def set_aside(path: Path, reason: str) -> None:
    """Rename a damaged file to NAME.torn, and say so in a warning.

    Arguments:
        path: The file.
        reason: What is wrong with it, e.g. "it ends in the middle".
    """
    torn = path.with_name(f"{path.name}.torn")
    os.replace(path, torn)
    warnings.warn(
        f"{path} is damaged ({reason}); it is now called {torn.name}, and what it held is "
        "computed again",
        stacklevel=stack_level(),
    )


def _mode_of(target: Path) -> int | None:
    """Return the mode of a file that can be written, None if there is none."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None

    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
        raise OSError(errno.EINVAL, "it is not a file but a pipe, a socket or a disk")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    return mode


def _new_name(target: Path) -> str:
    """Return a name that no other process and no other call uses, with the same suffix."""
    stem = target.stem.encode()[:_LONGEST_STEM].decode(errors="ignore")
    token = secrets.token_hex(4)
    suffix = target.suffix if len(target.suffix) < _LONGEST_STEM else ""

    return f".{stem}.{os.getpid()}-{token}.part{suffix}"


def _replace(new: Path, target: Path) -> None:
    """Let a new file take the place of another, when all of it is on the disk."""
    _to_disk(new)
    os.replace(new, target)

    with contextlib.suppress(OSError):  # some systems cannot do this for a folder
        _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_into(new: Path, device: Path) -> None:
    """Write the content of a file into a device."""
    with new.open("rb") as source, device.open("wb", buffering=0) as sink:
        shutil.copyfileobj(source, sink)


def _sentence(path: str | Path, error: OSError) -> str:
    """Say why a file cannot be written, and what to do."""
    reason = error.strerror or str(error)
    remedy = "give another path"
    if error.errno in _NO_SPACE:
        remedy = "free some space, or give another path"

    return f"cannot write {path} ({reason}); {remedy}"
