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
VALUES = "//values"
BITS = "//bits"
SHAPE = "//shape"
MIN_ELEMENTS = 256  # smaller tensors are stored as they are


def write_file(
    path: Path, tensors: Mapping[str, Tensor], header: dict[str, str]
) -> None:
    """Write tensors and a header; if the run dies meanwhile, the earlier file remains.

    Arguments:
        path: The file, replaced if it exists.
        tensors: Tensors by name.
        header: Text by key.
    """
    partial = Path(f"{path}.part")
    copies = {}
    for name, value in tensors.items():
        copies[name] = value.detach().cpu().contiguous().clone()

    save_file(without_zeros(copies), str(partial), metadata=header)
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
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is truncated, damaged or no safetensors file ({error})"
        ) from error
    return header, with_zeros(tensors)


def without_zeros(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Store masks as bits, and a tensor with half zeros or more as its other values and a bit for each place."""
    found = {}
    for name, value in tensors.items():
        is_mask = value.dtype == torch.bool
        # a negative zero must come back with its sign
        nonzero = value if is_mask else (value != 0) | torch.signbit(value)
        is_small = value.numel() < MIN_ELEMENTS
        is_dense = not is_mask and 2 * int(nonzero.sum()) > value.numel()
        if is_small or is_dense:
            found[name] = value
            continue

        bits = np.packbits(nonzero.flatten().numpy())
        found[name + BITS] = torch.from_numpy(bits)
        found[name + SHAPE] = torch.tensor(value.shape)
        if not is_mask:
            found[name + VALUES] = value[nonzero]
    return found


def with_zeros(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put together the tensors that `without_zeros` took apart."""
    found = {}
    for stored, value in tensors.items():
        if stored.endswith(SHAPE):
            name = stored.removesuffix(SHAPE)
            values = tensors.get(name + VALUES)
            found[name] = _joined(value, tensors[name + BITS], values)
        elif not stored.endswith((VALUES, BITS)):
            found[stored] = value
    return found


def _joined(shape: Tensor, bits: Tensor, values: Tensor | None) -> Tensor:
    """Return a tensor from its shape, a bit for each place, and its values that are not zero; None is a mask."""
    sizes = shape.tolist()
    nonzero = np.unpackbits(bits.numpy(), count=math.prod(sizes))
    mask = torch.from_numpy(nonzero).bool().reshape(sizes)
    if values is None:
        return mask

    return values.new_zeros(sizes).masked_scatter_(mask, values)
