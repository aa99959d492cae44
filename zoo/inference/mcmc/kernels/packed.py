"""Several tensors of every chain in one, of which a compiled loop hands on fewer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def packed(values: Iterable[Tensor]) -> Tensor:
    """Return tensors (*, C, P) and (*, C) side by side, as one tensor (*, C, N).

    Arguments:
        values: The tensors; the first one has a last dimension, and says how many there are.
    """
    first, *others = values
    columns = [first]
    for value in others:
        column = value.to(first.dtype)
        columns.append(column if value.dim() == first.dim() else column[..., None])

    return torch.cat(columns, -1)


def unpacked(tensor: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Return the tensors that lie side by side in one, (*, C, N).

    Arguments:
        tensor: The tensor.
        sizes: Number of columns of each; 0 for a tensor without a last dimension.
    """
    parts = tensor.split([max(1, size) for size in sizes], -1)

    values = []
    for part, size in zip(parts, sizes, strict=True):
        values.append(part if size > 0 else part[..., 0])

    return values
