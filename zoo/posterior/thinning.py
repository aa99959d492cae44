"""Fewer draws of many, evenly spaced."""

from __future__ import annotations

import torch
from torch import Tensor


def evenly(total: int, num_samples: int) -> Tensor:
    """Return the positions (num_samples,) of evenly spaced draws, the first and last included.

    Arguments:
        total: Number of draws to choose from.
        num_samples: Number of draws to take.
    """
    return torch.linspace(0, total - 1, num_samples).round().long()
