"""Geometry: move the pixels of images along a field, or enlarge the middle of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate


def displace(x: Tensor, field: Tensor, border: str = "zeros") -> Tensor:
    """Return images each of whose pixels comes from the place that a field points to.

    Arguments:
        x: Images, (N, C, H, W).
        field: The displacement to the right and downwards, in pixels, (N, 2, H, W).
        border: Values beyond the border, as `grid_sample` names them.
    """
    height, width = x.shape[-2:]
    right, down = pixel_grid(x)

    source_right = right + field[:, 0]
    source_down = down + field[:, 1]
    shares = [source_right / (width - 1), source_down / (height - 1)]
    source = torch.stack(shares, -1)  # (N, H, W, 2), from 0 to 1

    source = 2 * source - 1  # the coordinates of grid_sample
    return grid_sample(x, source, padding_mode=border, align_corners=True)


def pixel_grid(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the column and the row of every pixel of images (N, C, H, W), (H, W) each."""
    height, width = x.shape[-2:]

    rows = torch.arange(height, dtype=x.dtype, device=x.device)
    columns = torch.arange(width, dtype=x.dtype, device=x.device)

    down, right = torch.meshgrid(rows, columns, indexing="ij")
    return right, down


def enlarge(x: Tensor, factor: float) -> Tensor:
    """Enlarge the middle of images (N, C, H, W) by a factor to the size of the images."""
    height, width = x.shape[-2:]

    part_height = math.ceil(height / factor)
    part_width = math.ceil(width / factor)
    part = _cut_middle(x, part_height, part_width)

    size = [round(part_height * factor), round(part_width * factor)]
    large = interpolate(part, size=size, mode="bilinear", align_corners=True)

    return _cut_middle(large, height, width)


def _cut_middle(x: Tensor, height: int, width: int) -> Tensor:
    """Cut a rectangle out of the middle of images."""
    old_height, old_width = x.shape[-2:]

    top = (old_height - height) // 2
    left = (old_width - width) // 2

    rows = slice(top, top + height)
    columns = slice(left, left + width)

    return x[..., rows, columns]
