"""Weather at five severities: snow and fog."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.stress.geometry import enlarge
from zoo.stress.pixels import checked_images, constant_at
from zoo.stress.smoothing import smooth_along_lines

# The constants of CIFAR-10-C at severities 1 to 5.
_FOG_SHARES_AND_DECAYS = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
_SNOW_ANGLES = (-135.0, -45.0)  # degrees

_LUMINANCE = (0.299, 0.587, 0.114)  # weights of red, green and blue


class _Snow(NamedTuple):
    """The constants of snow.

    Arguments:
        loc: Mean of the normal noise that flakes are made of.
        scale: Its standard deviation.
        zoom: The factor by which the noise is enlarged.
        threshold: Noise below it is no flake.
        radius: Length of the motion blur of flakes on one side, in pixels.
        sigma: Standard deviation of the motion blur, in pixels.
        share: Share of the image that is not whitened.
    """

    loc: float
    scale: float
    zoom: float
    threshold: float
    radius: int
    sigma: float
    share: float


_SNOW = (
    _Snow(0.1, 0.2, 1.0, 0.6, 8, 3.0, 0.95),
    _Snow(0.1, 0.2, 1.0, 0.5, 10, 4.0, 0.9),
    _Snow(0.15, 0.3, 1.75, 0.55, 10, 4.0, 0.9),
    _Snow(0.25, 0.3, 2.25, 0.6, 12, 6.0, 0.85),
    _Snow(0.3, 0.3, 1.25, 0.65, 14, 12.0, 0.8),
)


def snow(x: Tensor, severity: int) -> Tensor:
    r"""Whiten images and add falling snowflakes.

    .. math:: x' = [c x + (1 - c) \max(x, 1.5 \, \text{grey}(x) + 0.5) + \text{flakes}]_0^1

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W), C 1 or 3.
        severity: 1 to 5.

    Example:
        >>> snow(torch.rand(2, 3, 8, 8), 5).shape
        torch.Size([2, 3, 8, 8])
    """
    x = checked_images(x)
    constants = constant_at(severity, _SNOW)
    flakes = _flakes(x, constants)

    bright_grey = 1.5 * _grey(x) + 0.5
    whitened = torch.maximum(x, bright_grey)

    share = constants.share
    white = share * x + (1 - share) * whitened

    snowy = white + flakes + flakes.flip(2, 3)
    return snowy.clamp(0, 1)


def fog(x: Tensor, severity: int) -> Tensor:
    r"""Add a cloud, drawn for each image by the diamond-square algorithm.

    .. math:: x' = (x + c \, \text{cloud}) \frac{\max x}{\max x + c}

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)
        Computer rendering of stochastic models (Fournier, Fussell, Carpenter, 1982), the cloud

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, clouds of 0.2 to 1.5 times white.

    Example:
        >>> fog(torch.rand(2, 3, 8, 8), 5).shape
        torch.Size([2, 3, 8, 8])
    """
    x = checked_images(x)
    share, decay = constant_at(severity, _FOG_SHARES_AND_DECAYS)

    height, width = x.shape[-2:]
    side = max(height, width, 2)
    size = 2 ** math.ceil(math.log2(side))

    cloud = _clouds(len(x), size, decay, like=x)
    cloud = cloud[:, None, :height, :width]  # (N, 1, H, W)

    highest = x.amax((1, 2, 3), keepdim=True)
    foggy = (x + share * cloud) * highest / (highest + share)

    return foggy.clamp(0, 1)


def _flakes(x: Tensor, constants: _Snow) -> Tensor:
    """Draw snowflakes for images (N, C, H, W), blurred by their motion, (N, 1, H, W)."""
    one_channel = x[:, :1]
    normal = torch.randn_like(one_channel)
    layer = constants.loc + constants.scale * normal
    layer = enlarge(layer, constants.zoom)

    is_background = layer < constants.threshold
    flakes = layer.masked_fill(is_background, 0.0)
    flakes = flakes.clamp(0, 1)

    return smooth_along_lines(flakes, constants.radius, constants.sigma, _SNOW_ANGLES)


def _grey(x: Tensor) -> Tensor:
    """Return the luminance of images, (N, 1, H, W)."""
    if x.shape[1] == 1:
        return x

    weights = x.new_tensor(_LUMINANCE)[:, None, None]
    weighted = x * weights

    return weighted.sum(1, keepdim=True)


def _clouds(number: int, size: int, decay: float, like: Tensor) -> Tensor:
    """Draw clouds between 0 and 1 on a torus by the diamond-square algorithm.

    Arguments:
        number: Number of clouds N.
        size: Their side, a power of two; the result is (N, size, size).
        decay: The factor by which the random part shrinks with each halving of the grid.
        like: A tensor whose dtype and device the clouds take.
    """
    heights = like.new_zeros(number, size, size)

    step = size
    amplitude = 100.0
    while step >= 2:
        _refine(heights, step, amplitude)
        step = step // 2
        amplitude = amplitude / decay

    lowest = heights.amin((1, 2), keepdim=True)
    heights = heights - lowest

    highest = heights.amax((1, 2), keepdim=True)
    return heights / highest


def _refine(heights: Tensor, step: int, amplitude: float) -> None:
    """Fill in heights halfway between those of a grid: each the mean of four, plus noise."""
    half = step // 2
    corners = heights[:, ::step, ::step]

    in_column = _plus_shifted(corners, -1, 1)
    four = _plus_shifted(in_column, -1, 2)
    heights[:, half::step, half::step] = _near_mean(four, amplitude)

    middles = heights[:, half::step, half::step]

    in_column = _plus_shifted(middles, 1, 1)
    in_row = _plus_shifted(corners, -1, 2)
    heights[:, ::step, half::step] = _near_mean(in_column + in_row, amplitude)

    in_row = _plus_shifted(middles, 1, 2)
    in_column = _plus_shifted(corners, -1, 1)
    heights[:, half::step, ::step] = _near_mean(in_row + in_column, amplitude)


def _plus_shifted(grid: Tensor, shift: int, dim: int) -> Tensor:
    """Add to each height its neighbour along one dimension."""
    shifted = grid.roll(shift, dim)
    return grid + shifted


def _near_mean(total: Tensor, amplitude: float) -> Tensor:
    """Return a quarter of the sum of four heights, plus uniform noise."""
    uniform = 2 * torch.rand_like(total) - 1
    noise = amplitude**2 * uniform

    return total / 4 + noise
