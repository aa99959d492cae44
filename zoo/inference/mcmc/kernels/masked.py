"""Values of some chains next to those of the others."""

from __future__ import annotations

import torch
from torch import Tensor


def where_chains(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Return new values for the chains of a mask (C,), and old ones for the others, (C, ...).

    Arguments:
        mask: The chains that have the new values.
        new: New values, (C, ...).
        old: Values of the others, (C, ...).
    """
    ones = [1] * (new.dim() - 1)
    rows = mask.reshape(-1, *ones)

    return torch.where(rows, new, old)
