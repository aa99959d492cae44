"""One process at a time on a file: the second one is told, and a killed one leaves no lock."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # not on Windows, where files are not locked
    fcntl = None  # type: ignore[assignment]

_own: set[str] = set()  # files that this process has locked, which it could lock twice


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Let no other process or thread enter such a block for the same file.

    The lock is on a file .NAME.lock beside the file. The system releases it when the
    process ends, however it ends. Where a folder takes no locks, nothing is locked.

    Arguments:
        path: The file.
        what: What the file is, for the error message, e.g. "checkpoint".

    Raises:
        ValueError: Another process, or another thread of this one, has entered.
    """
    target = os.path.realpath(path)
    if target in _own:
        raise ValueError(_in_use(path, what, f"this process ({os.getpid()})"))

    _own.add(target)
    lock = None
    try:
        lock = _locked(Path(target), path, what)
        yield
    finally:
        _own.discard(target)
        if lock is not None:
            with contextlib.suppress(OSError):
                os.unlink(lock.name)  # before another process can lock it
            lock.close()


def _locked(target: Path, path: Path, what: str) -> IO[str] | None:
    """Return the locked file beside a file; None where there are no locks.

    Raises:
        ValueError: Another process has locked it.
    """
    if fcntl is None or target.is_char_device():
        return None

    name = target.with_name(f".{target.name}.lock")
    while True:
        try:
            lock = name.open("a+")
        except OSError:
            return None

        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            lock.close()
            raise ValueError(_in_use(path, what, owner)) from error
        except OSError:  # e.g. a network folder without locks
            lock.close()
            return None

        if _is_still_there(lock, name):
            _sign(lock)
            return lock

        lock.close()  # its last owner has removed it


def _is_still_there(lock: IO[str], name: Path) -> bool:
    """Return whether an open file is the one that has the name."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), name.stat())
    except OSError:
        return False


def _sign(lock: IO[str]) -> None:
    """Write who has locked a file; without space on the disk it stays empty."""
    with contextlib.suppress(OSError):
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock.flush()


def _in_use(path: Path, what: str, owner: str) -> str:
    """Say that a file is in use."""
    return f"the {what} {path} is in use by {owner}; wait until it ends, or give another path"
