"""Tensors as text: the value if all elements have the same one, else the shape and a hash."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.runtime.description.digest import digest

_HALF = (torch.bfloat16, torch.float16)


def describe_tensor(tensor: Tensor) -> str:
    """Return the value of a tensor if all its elements are equal, else its shape and a hash."""
    return describe_constant(tensor) or f"{tuple(tensor.shape)} {digest([tensor])}"


def describe_constant(tensor: Tensor) -> str:
    """Return the value that all elements of a tensor have, "" if they differ."""
    is_dense = tensor.layout == torch.strided and not tensor.is_quantized
    if tensor.is_meta or not is_dense or tensor.numel() == 0:
        return ""

    tensor = tensor.detach()
    first = tensor[(0,) * tensor.dim()]
    strides = zip(tensor.shape, tensor.stride(), strict=True)
    is_expanded = all(size == 1 or stride == 0 for size, stride in strides)
    if is_expanded or bool((tensor == first).all()):
        return _number(first)

    return ""


def _number(scalar: Tensor) -> str:
    """Return the shortest text of a number from which its dtype gets it back."""
    if scalar.dtype in _HALF:
        scalar = scalar.float()

    return str(scalar.cpu().numpy()[()]).removesuffix(".0")
