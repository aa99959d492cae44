"""Smoothing: average images with normal weights, in every direction or along a line."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.runtime.torchvision_shim import load_torchvision


def smooth(x: Tensor, sigma: float, reach: float = 4.0) -> Tensor:
    """Average images with normal weights in every direction.

    Arguments:
        x: Images, (N, C, H, W).
        sigma: Standard deviation of the weights, in pixels.
        reach: Weights are cut off at this many standard deviations.
    """
    functional = load_torchvision().transforms.functional

    width = 2 * math.ceil(reach * sigma) + 1
    size = [width, width]

    return functional.gaussian_blur(x, size, [sigma, sigma])


def smooth_along_lines(
    x: Tensor, radius: int, sigma: float, angles: tuple[float, float]
) -> Tensor:
    """Average images along a line on one side of each pixel, as motion does.

    The angle of the line is drawn uniformly, another one for each image.

    Arguments:
        x: Images, (N, C, H, W).
        radius: The line is 2 radius + 1 pixels long.
        sigma: Standard deviation of the weights along the line, in pixels.
        angles: The lowest and the highest angle, in degrees.
    """
    angle = _draw_angles(x, angles)  # (N, 1, 1)
    sine = angle.sin()
    cosine = angle.cos()

    height, width = x.shape[-2:]

    image = torch.arange(len(x), device=x.device)[:, None, None]
    row = torch.arange(height, device=x.device)[:, None]
    column = torch.arange(width, device=x.device)

    weights = _one_sided_weights(radius, sigma)
    total_weight = sum(weights)

    source = x.permute(0, 2, 3, 1)  # (N, H, W, C): indexing keeps the channels last
    average = torch.zeros_like(source)
    for distance, weight in enumerate(weights):
        rows = row + _whole_pixels(distance * sine)
        rows = rows.clamp(0, height - 1)

        columns = column + _whole_pixels(distance * cosine)
        columns = columns.clamp(0, width - 1)

        share = weight / total_weight
        average = average + share * source[image, rows, columns]

    return average.permute(0, 3, 1, 2)


def _draw_angles(x: Tensor, angles: tuple[float, float]) -> Tensor:
    """Draw an angle in radians for each image, (N, 1, 1)."""
    low, high = angles

    uniform = torch.rand(len(x), dtype=x.dtype, device=x.device)
    degrees = low + (high - low) * uniform

    radians = torch.deg2rad(degrees)
    return radians[:, None, None]


def _one_sided_weights(radius: int, sigma: float) -> list[float]:
    """Return the normal density at 0, 1, ..., 2 radius, up to a factor."""
    weights = []
    for distance in range(2 * radius + 1):
        standardised = distance / sigma
        weights.append(math.exp(-0.5 * standardised**2))

    return weights


def _whole_pixels(distance: Tensor) -> Tensor:
    """Round distances to whole pixels; one half is rounded down."""
    rounded = (distance - 0.5).ceil()
    return rounded.long()
