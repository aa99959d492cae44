"""Weather at five severities: snow and fog."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.stress.blurs import enlarged, smeared
from zoo.stress.pixels import grid_of, level

GREY = (0.299, 0.587, 0.114)  # how bright red, green and blue are


def snow(x: Tensor, severity: int) -> Tensor:
    r"""Whiten images and let flakes fall across them.

    .. math:: x' = [c x + (1 - c) \max(x, 1.5 \, \text{grey}(x) + 0.5) + \text{flakes}]_0^1

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W), C 1 or 3.
        severity: 1 to 5.

    Example:
        >>> snow(torch.rand(2, 3, 8, 8), 5).shape
        torch.Size([2, 3, 8, 8])
    """
    loc, scale, zoom, least, radius, sigma, share = level(
        severity,
        (
            (0.1, 0.2, 1.0, 0.6, 8, 3.0, 0.95),
            (0.1, 0.2, 1.0, 0.5, 10, 4.0, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4.0, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6.0, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12.0, 0.8),
        ),
    )
    layer = enlarged(loc + scale * torch.randn_like(grid_of(x)[:, :1]), zoom)
    flakes = smeared(
        layer.masked_fill(layer < least, 0.0).clamp(0, 1),
        radius,
        sigma,
        (-135.0, -45.0),
    )
    grey = (
        x
        if x.shape[1] == 1
        else (x * x.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
    )
    white = share * x + (1 - share) * torch.maximum(x, 1.5 * grey + 0.5)
    return (white + flakes + flakes.flip(2, 3)).clamp(0, 1)


def fog(x: Tensor, severity: int) -> Tensor:
    r"""Lay a cloud over images, drawn anew for each by the diamond-square algorithm.

    .. math:: x' = (x + c \, \text{cloud}) \frac{\max x}{\max x + c}

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)
        Computer rendering of stochastic models (Fournier, Fussell, Carpenter, 1982), the cloud

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, clouds of 0.2 to 1.5 times white.

    Example:
        >>> fog(torch.rand(2, 3, 8, 8), 5).shape
        torch.Size([2, 3, 8, 8])
    """
    share, decay = level(
        severity, ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
    )
    height, width = grid_of(x).shape[-2:]
    size = 2 ** math.ceil(math.log2(max(height, width, 2)))
    cloud = clouds(len(x), size, decay, x)[:, None, :height, :width]
    highest = x.amax((1, 2, 3), keepdim=True)
    return ((x + share * cloud) * highest / (highest + share)).clamp(0, 1)


def clouds(number: int, size: int, decay: float, like: Tensor) -> Tensor:
    """Draw clouds between 0 and 1, (number, size, size), on a torus: coarse heights first, finer ones about them."""
    heights = like.new_zeros(number, size, size)
    step, wobble = size, 100.0

    def about(four: Tensor) -> Tensor:
        return four / 4 + wobble**2 * (2 * torch.rand_like(four) - 1)

    def both(grid: Tensor, shift: int, dim: int) -> Tensor:
        return grid + grid.roll(shift, dim)

    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        heights[:, half::step, half::step] = about(both(both(corners, -1, 1), -1, 2))
        middles = heights[:, half::step, half::step]
        heights[:, ::step, half::step] = about(
            both(middles, 1, 1) + both(corners, -1, 2)
        )
        heights[:, half::step, ::step] = about(
            both(middles, 1, 2) + both(corners, -1, 1)
        )
        step, wobble = half, wobble / decay
    heights = heights - heights.amin((1, 2), keepdim=True)
    return heights / heights.amax((1, 2), keepdim=True)
