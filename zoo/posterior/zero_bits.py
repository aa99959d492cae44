"""Tensors with many zeros as bits and the other values, which take less of a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.posterior.damaged_file import DamagedFile

# Endings of the names under which the parts of a tensor with many zeros are stored.
_VALUES = "//values"
_BITS = "//bits"
_SHAPE = "//shape"
_MIN_ELEMENTS = 256  # smaller tensors are stored as they are


def without_zeros(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take out zeros: masks become bits, and tensors with half zeros bits and other values."""
    found = {}
    for name, value in tensors.items():
        is_mask = value.dtype == torch.bool
        # a negative zero must come back with its sign
        nonzero = value if is_mask else (value != 0) | torch.signbit(value)
        is_small = value.numel() < _MIN_ELEMENTS
        is_dense = not is_mask and 2 * np.count_nonzero(nonzero.numpy()) > value.numel()
        if is_small or is_dense:
            found[name] = value
            continue

        bits = np.packbits(nonzero.flatten().numpy())
        found[name + _BITS] = torch.from_numpy(bits)
        found[name + _SHAPE] = torch.tensor(value.shape)
        if not is_mask:
            found[name + _VALUES] = value[nonzero]

    return found


def with_zeros(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put together the tensors that `without_zeros` took apart."""
    found = {}
    for stored, value in tensors.items():
        if stored.endswith(_SHAPE):
            name = stored.removesuffix(_SHAPE)
            values = tensors.get(name + _VALUES)
            bits = tensors.get(name + _BITS, torch.empty(0))
            _check_sizes(path, name, value, bits, values)
            found[name] = _joined(value, bits, values)
        elif not stored.endswith((_VALUES, _BITS)):
            found[stored] = value

    return found


def _check_sizes(
    path: Path, name: str, shape: Tensor, bits: Tensor, values: Tensor | None
) -> None:
    """Refuse a tensor whose shape is not that of its bits, before memory is taken for it."""
    is_list = shape.dtype == torch.int64 and shape.dim() == 1
    sizes = shape.tolist() if is_list else []
    is_shape = is_list and all(size >= 0 for size in sizes)
    num_elements = math.prod(sizes)
    num_bytes = -(-num_elements // 8)

    has_bits = bits.dtype == torch.uint8 and bits.dim() == 1
    num_stored = bits.numel() if has_bits else 0
    if not is_shape or not has_bits or num_bytes != num_stored:
        raise DamagedFile(
            f"{path} is damaged: tensor {name!r} has shape {tuple(sizes)}, "
            f"{num_elements:,} elements, but the file holds {8 * num_stored:,} bits for it"
        )

    if values is not None:
        ones = int(np.unpackbits(bits.numpy(), count=num_elements).sum())
        if values.shape != (ones,):
            raise DamagedFile(
                f"{path} is damaged: tensor {name!r} has {ones:,} values that are not zero, "
                f"but the file holds {values.numel():,}"
            )


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
