"""What a compiler knows of a tensor: its shape, its place in memory and its dtype."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Likeness(NamedTuple):
    """What a compiler knows of a tensor."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    num_stored: int
    dtype: torch.dtype
    requires_grad: bool

    @classmethod
    def of(cls, tensor: Tensor) -> Likeness:
        """Return what a compiler knows of a tensor on a CPU."""
        num_stored = tensor.untyped_storage().nbytes() // tensor.element_size()

        return cls(
            tuple(tensor.shape),
            tensor.stride(),
            int(tensor.storage_offset()),
            num_stored,
            tensor.dtype,
            tensor.requires_grad,
        )
