"""The file of a reference posterior: named tensors, and a JSON header with their checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.posterior.storage import read_file, write_file

Header = dict[str, Any]
_KEY = "reference"  # the header's place in the metadata of the file


def write_reference_file(
    path: Path, header: Header, tensors: Mapping[str, Tensor]
) -> None:
    """Write tensors, and a header to which their checksum is added."""
    complete = header | {"checksum": _checksum(tensors)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, tensors, {_KEY: json.dumps(complete)})


def read_reference_file(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Return the header and the tensors of a file.

    Raises:
        ValueError: The file cannot be read.
    """
    return read_file(path, _KEY)


def check_checksum(header: Header, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise an error if the tensors of a file do not have the checksum in its header."""
    expected = header["checksum"]
    if _checksum(tensors) != expected:
        raise ValueError(
            f"{path} is damaged: its checksum is not {expected}; make it again"
        )


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of tensors and of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        description = f"{name} {tuple(value.shape)} {value.dtype}"

        digest.update(description.encode())
        digest.update(value.numpy().tobytes())

    return digest.hexdigest()
