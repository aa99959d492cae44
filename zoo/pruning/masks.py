"""Masks: which weights are kept, and values whose other weights are zero."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def keep_most_important(
    importance: Mapping[str, Tensor], fraction: float, per_layer: bool = False
) -> dict[str, Tensor]:
    """Return masks that drop a fraction of all weights, those of the lowest importance.

    Weights of equal importance are dropped together or kept together.

    Arguments:
        importance: The importance of the weights of each site, (*shape), by site.
        fraction: Fraction of the weights to drop, 0 to 1.
        per_layer: Whether to drop this fraction of each site.
    """
    if not per_layer:
        return _keep_most_important(importance, fraction)

    masks: dict[str, Tensor] = {}
    for name, value in importance.items():
        masks |= _keep_most_important({name: value}, fraction)

    return masks


def zeroed(
    values: Mapping[str, Tensor], masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return values (*S, *shape) by name, with zeros where a mask (*shape) drops a weight."""
    found = {}
    for name, value in values.items():
        if name in masks:
            dropped = ~masks[name].to(value.device)
            value = value.masked_fill(dropped, 0.0)

        found[name] = value

    return found


def _keep_most_important(
    importance: Mapping[str, Tensor], fraction: float
) -> dict[str, Tensor]:
    """Return masks that drop a fraction of the weights of all sites together."""
    flat = torch.cat([value.flatten() for value in importance.values()])  # (P,)
    _, level, sizes = flat.unique(return_inverse=True, return_counts=True)

    # How many weights go if the 0, 1, 2, ... lowest levels of importance are dropped.
    dropped = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])

    wanted = fraction * len(flat)
    error = (dropped.double() - wanted).abs()
    kept = level >= error.argmin()

    masks = {}
    start = 0
    for name, value in importance.items():
        end = start + value.numel()
        masks[name] = kept[start:end].reshape(value.shape)
        start = end

    return masks
