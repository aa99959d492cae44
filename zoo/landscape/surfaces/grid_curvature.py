"""Curvatures of a surface that is known on a grid, and how much of it is not convex."""

from __future__ import annotations

import torch
from torch import Tensor


def grid_curvatures(x: Tensor, y: Tensor, heights: Tensor) -> Tensor:
    r"""Return the two curvatures of a surface at the inner points of a grid, by differences.

    .. math:: \lambda_\pm = \tfrac12 (h_{xx} + h_{yy}) \pm
        \sqrt{\tfrac14 (h_{xx} - h_{yy})^2 + h_{xy}^2}

    Arguments:
        x: Evenly spaced horizontal coordinates, (W,).
        y: Evenly spaced vertical coordinates, (H,).
        heights: The surface, (H, W).

    Returns:
        Second derivatives, the smaller and the larger one, (H - 2, W - 2, 2).
    """
    h = heights.double()
    right = float(x[1] - x[0])
    up = float(y[1] - y[0])

    middle = h[1:-1, 1:-1]
    xx = (h[1:-1, 2:] - 2 * middle + h[1:-1, :-2]) / right**2
    yy = (h[2:, 1:-1] - 2 * middle + h[:-2, 1:-1]) / up**2
    xy = (h[2:, 2:] - h[2:, :-2] - h[:-2, 2:] + h[:-2, :-2]) / (4 * right * up)

    mean = (xx + yy) / 2
    half = (((xx - yy) / 2) ** 2 + xy**2).sqrt()

    return torch.stack([mean - half, mean + half], -1)


def nonconvex_share(x: Tensor, y: Tensor, heights: Tensor) -> float:
    """Return the share of inner grid points at which the surface curves downwards somewhere."""
    smaller = grid_curvatures(x, y, heights)[..., 0]

    return float((smaller < 0).double().mean())


def num_minima(heights: Tensor) -> int:
    """Return the number of inner grid points that are lower than their eight neighbours."""
    h = heights.double()
    rows, columns = h.shape
    middle = h[1:-1, 1:-1]

    is_lowest = torch.ones_like(middle, dtype=torch.bool)
    for row in range(3):
        for column in range(3):
            if (row, column) != (1, 1):
                beside = h[row : rows - 2 + row, column : columns - 2 + column]
                is_lowest &= middle < beside

    return int(is_lowest.sum())
