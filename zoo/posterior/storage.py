"""Tensors in safetensors files, with JSON in the header and a checksum of everything."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.zero_bits import with_zeros, without_zeros
from zoo.runtime.description.digest import bytes_of
from zoo.runtime.files.atomic import atomically

_MAX_READINGS = 100  # of a file that another process replaces meanwhile
_CHECKSUMS = "checksums"  # the key of the header under which they are
_UNREADABLE = (SafetensorError, OSError, ValueError, RecursionError, AttributeError)


def write_file(
    path: Path, tensors: Mapping[str, Tensor], header: dict[str, str]
) -> None:
    """Write tensors and a header; if writing fails, the earlier file remains.

    The file holds a checksum of every tensor and of the header.

    Arguments:
        path: The file, replaced if it exists.
        tensors: Tensors by name.
        header: Text by key.

    Raises:
        OSError: The file cannot be written; the message says why.
    """
    copies = {}
    for name, value in tensors.items():
        copies[name] = value.detach().cpu().contiguous().clone()

    stored = without_zeros(copies)
    checksums = json.dumps(_checksums(stored, header))

    with atomically(path) as new:
        try:
            save_file(stored, str(new), metadata={**header, _CHECKSUMS: checksums})
        except SafetensorError as error:
            raise _os_error(error) from error


def read_file(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the JSON under a key of the header, and the tensors.

    Raises:
        DamagedFile: The file is torn, or its content is not what was written.
        ValueError: The file cannot be read.
    """
    return read_part(path, key, "")


def read_part(
    path: Path, key: str, prefix: str | None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the JSON under a key of the header, and the tensors whose names have a prefix.

    Arguments:
        path: The file.
        key: The key.
        prefix: The beginning of the names; None for no tensors.

    Raises:
        DamagedFile: The file is torn, or its content is not what was written.
        ValueError: The file cannot be read.
    """
    for _ in range(_MAX_READINGS):
        before = _identity(path)
        try:
            return _read(path, key, prefix)
        except (DamagedFile, RuntimeError):
            # safetensors opens a file twice: for its header, and for torch, which raises
            # RuntimeError when another process has put a shorter file there in between.
            if _identity(path) == before:
                raise

    raise ValueError(f"{path} changes while it is read; let the run that writes it end")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return which file is at a path now, and when it was written; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None

    return status.st_ino, status.st_mtime_ns


def _read(
    path: Path, key: str, prefix: str | None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a file that no other process replaces meanwhile, see `read_part`."""
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata.get(key, "{}"))
            checksums = json.loads(metadata.pop(_CHECKSUMS, "null"))
            stored = {}
            for name in file.keys():  # noqa: SIM118
                if not _is_wanted(name, prefix):
                    continue

                # A copy is aligned in memory as tensors are, so that results have equal bits.
                stored[name] = file.get_tensor(name).clone()
    except PermissionError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}); change its permissions"
        ) from error
    except _UNREADABLE as error:
        raise DamagedFile(
            f"{path} is damaged or not a safetensors file ({error})"
        ) from error

    if not isinstance(header, dict):
        raise DamagedFile(f"{path} is damaged: its header is {type(header).__name__}")
    if checksums is not None:  # version 0.6 and earlier wrote none
        present = _checksums(stored, metadata)
        _check_checksums(path, checksums, present, prefix)

    return header, with_zeros(path, stored)


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under names with a prefix."""
    return {prefix + name: value for name, value in tensors.items()}


def unprefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names have a prefix, under names without it."""
    found = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = value

    return found


def _checksums(
    stored: Mapping[str, Tensor], header: Mapping[str, str]
) -> dict[str, str]:
    """Return a checksum of every tensor by its name, and one of the header under ""."""
    text = json.dumps(dict(header), sort_keys=True)
    found = {"": _digest(text.encode())}
    for name, value in stored.items():
        layout = f"{tuple(value.shape)} {value.dtype} "
        as_bytes = bytes_of(value)
        found[name] = _digest(layout.encode(), as_bytes)

    return found


def _digest(*parts: Any) -> str:
    """Return a short hash of bytes."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part)

    return hashed.hexdigest()[:16]


def _is_wanted(name: str, prefix: str | None) -> bool:
    """Return whether a tensor is to be read."""
    return prefix is not None and name.startswith(prefix)


def _check_checksums(
    path: Path, written: Any, present: Mapping[str, str], prefix: str | None
) -> None:
    """Refuse a file whose tensors or header are not those that were written."""
    if not isinstance(written, dict):
        raise DamagedFile(f"{path} is damaged: it has no list of checksums")

    for name in [*written, *present]:
        is_read = name == "" or _is_wanted(name, prefix)
        if not is_read or written.get(name) == present.get(name):
            continue

        what = f"tensor {name!r}" if name else "the header"
        if name not in present:
            problem = f"{what} was written and is gone"
        elif name not in written:
            problem = f"{what} was not written with it"
        else:
            problem = f"the checksum of {what} is not the one that was written"
        raise DamagedFile(f"{path} is damaged: {problem}; restore it, or make it again")


def _os_error(error: SafetensorError) -> OSError:
    """Return the error of the system that safetensors reports as text."""
    found = re.search(r"os error (\d+)", str(error))
    if found is None:
        return OSError(str(error))

    number = int(found[1])
    return OSError(number, os.strerror(number))
