"""Fewer draws of many, evenly spaced."""

from __future__ import annotations

import torch
from torch import Tensor


def evenly(total: int, count: int) -> Tensor:
    """Return the positions (count,) of draws evenly spaced among so many, the first and the last among them."""
    return torch.linspace(0, total - 1, count).round().long()
