"""The luminance of colour images, and images of another size by bicubic interpolation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from zoo.datasets.units import Units

_OFFSET = 16.0
_WEIGHTS = (65.481, 128.553, 24.966)  # of red, green and blue, for colours up to 255
# Mean and standard deviation of the luminance of T91.
LUMINANCE_UNITS = Units(torch.full((1, 1, 1), 118.65), torch.full((1, 1, 1), 47.91))


def luminance(colours: Tensor) -> Tensor:
    r"""Return the luminance Y of colours, between 16 for black and 235 for white.

    .. math:: Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255

    As MATLAB's `rgb2ycbcr`, but not rounded to whole numbers.

    References:
        Recommendation BT.601 (International Telecommunication Union, 2011)

    Arguments:
        colours: Red, green and blue, (..., 3, H, W), from 0 to 255.

    Returns:
        (..., 1, H, W).
    """
    weights = torch.tensor(_WEIGHTS, dtype=colours.dtype, device=colours.device)
    weighted = colours * weights.reshape(3, 1, 1)

    return _OFFSET + weighted.sum(-3, keepdim=True) / 255


def resized_colours(colours: Tensor, size: tuple[int, int]) -> Tensor:
    """Return colours (3, H, W) as an image file of another size has them, from 0 to 255.

    Bicubic interpolation with a = -1/2, whose filter is as wide as the new pixels, and
    rounding to whole numbers, as MATLAB's `imresize` does.

    Arguments:
        colours: The colours.
        size: The new height and width in pixels.
    """
    smooth = interpolate(colours[None], size=size, mode="bicubic", antialias=True)

    return smooth[0].round().clamp(0, 255)


def bicubic(x: Tensor, factor: int) -> Tensor:
    """Return images (N, C, H, W) that are `factor` times as large, by bicubic interpolation.

    Arguments:
        x: The images, in any units.
        factor: How many times as high and as wide.
    """
    return interpolate(x, scale_factor=factor, mode="bicubic", antialias=True)
