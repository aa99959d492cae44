"""Tensors in safetensors files, with JSON in the header; masks and zeros are stored as bits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

# Endings of the names under which the parts of a tensor with many zeros are stored.
_VALUES = "//values"
_BITS = "//bits"
_SHAPE = "//shape"
_MIN_ELEMENTS = 256  # smaller tensors are stored as they are


def write_file(
    path: Path, tensors: Mapping[str, Tensor], header: dict[str, str]
) -> None:
    """Write tensors and a header; if writing fails, the earlier file remains.

    Arguments:
        path: The file, replaced if it exists.
        tensors: Tensors by name.
        header: Text by key.
    """
    partial = Path(f"{path}.part")
    copies = {}
    for name, value in tensors.items():
        copies[name] = value.detach().cpu().contiguous().clone()

    save_file(_without_zeros(copies), str(partial), metadata=header)
    partial.replace(path)


def read_file(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the JSON under a key of the header, and the tensors.

    Raises:
        ValueError: A damaged file.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata.get(key, "{}"))
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is damaged or not a safetensors file ({error})"
        ) from error

    return header, _with_zeros(tensors)


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


def _without_zeros(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take out zeros: masks become bits, and tensors with half zeros bits and other values."""
    found = {}
    for name, value in tensors.items():
        is_mask = value.dtype == torch.bool
        # a negative zero must come back with its sign
        nonzero = value if is_mask else (value != 0) | torch.signbit(value)
        is_small = value.numel() < _MIN_ELEMENTS
        is_dense = not is_mask and 2 * int(nonzero.sum()) > value.numel()
        if is_small or is_dense:
            found[name] = value
            continue

        bits = np.packbits(nonzero.flatten().numpy())
        found[name + _BITS] = torch.from_numpy(bits)
        found[name + _SHAPE] = torch.tensor(value.shape)
        if not is_mask:
            found[name + _VALUES] = value[nonzero]

    return found


def _with_zeros(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put together the tensors that `_without_zeros` took apart."""
    found = {}
    for stored, value in tensors.items():
        if stored.endswith(_SHAPE):
            name = stored.removesuffix(_SHAPE)
            values = tensors.get(name + _VALUES)
            found[name] = _joined(value, tensors[name + _BITS], values)
        elif not stored.endswith((_VALUES, _BITS)):
            found[stored] = value

    return found


def _joined(shape: Tensor, bits: Tensor, values: Tensor | None) -> Tensor:
    """Put a tensor together.

    Arguments:
        shape: Its shape.
        bits: A bit for each place, 1 where it is not zero.
        values: The values that are not zero; None for a mask.
    """
    sizes = shape.tolist()
    nonzero = np.unpackbits(bits.numpy(), count=math.prod(sizes))
    mask = torch.from_numpy(nonzero).bool().reshape(sizes)
    if values is None:
        return mask

    return values.new_zeros(sizes).masked_scatter_(mask, values)
