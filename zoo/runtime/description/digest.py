"""A short hash of tensors and arrays: their shapes, dtypes and all their values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

_LENGTH = 16  # hexadecimal digits


def digest(tensors: Iterable[Tensor]) -> str:
    """Return a hash of the shapes, dtypes and values of tensors; 0.5 seconds per gigabyte.

    Arguments:
        tensors: The tensors, dense, sparse or quantised. One without values, on the device
            "meta", counts by its shape.
    """
    hashed = hashlib.sha256()
    for tensor in tensors:
        layout = f"{tuple(tensor.shape)} {tensor.dtype} {tensor.layout}"
        hashed.update(layout.encode())
        for part in _dense_parts(tensor.detach()):
            hashed.update(bytes_of(part.cpu()))

    return hashed.hexdigest()[:_LENGTH]


def bytes_of(tensor: Tensor) -> np.ndarray:
    """Return the values of a dense tensor on the CPU as bytes, without a copy if possible."""
    flat = tensor.contiguous().flatten()
    if flat.numel() == 1:
        flat = flat.reshape(()).reshape(1)  # a single element may have any stride

    return flat.view(torch.uint8).numpy()


def digest_array(array: np.ndarray) -> str:
    """Return a hash of the shape, the dtype and the values of an array."""
    hashed = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    if array.dtype.hasobject:
        hashed.update(repr(array.tolist()).encode())
    else:
        hashed.update(np.ascontiguousarray(array).tobytes())

    return hashed.hexdigest()[:_LENGTH]


def digest_text(text: str) -> str:
    """Return a hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _dense_parts(tensor: Tensor) -> list[Tensor]:
    """Return dense tensors that hold all values of a tensor."""
    if tensor.is_meta:
        return []

    if tensor.layout == torch.sparse_coo:
        coalesced = tensor.coalesce()
        return [coalesced.indices(), coalesced.values()]

    if tensor.layout != torch.strided:
        return _dense_parts(tensor.to_sparse_coo())

    if tensor.is_quantized:
        return [tensor.int_repr(), tensor.dequantize()]

    return [tensor.resolve_conj().resolve_neg()]
