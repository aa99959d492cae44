"""Random noise with the dtype and device of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normal_noise(shape: Sequence[int], like: Tensor) -> Tensor:
    """Draw standard normals.

    Arguments:
        shape: Shape of the noise.
        like: A tensor with the dtype and device of the noise.
    """
    if like.dtype != torch.bfloat16:
        return torch.randn(shape, dtype=like.dtype, device=like.device)

    # torch draws single precision faster than half precision
    noise = torch.randn(shape, dtype=torch.float32, device=like.device)

    return noise.bfloat16()


def uniform_noise(shape: Sequence[int], like: Tensor) -> Tensor:
    """Draw uniform numbers between 0 and 1.

    Arguments:
        shape: Shape of the noise.
        like: A tensor with the dtype and device of the noise.
    """
    return torch.rand(shape, dtype=like.dtype, device=like.device)
