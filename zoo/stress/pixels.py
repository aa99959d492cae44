"""Pixels: from a data set's standardised inputs to images between 0 and 1, corrupted, and back again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.data import pair
from zoo.datasets import Dataset, Units

Spoiler = Callable[[Tensor, float], Tensor]
ROUNDING = 1e-4  # how far outside [0, 1] restored pixels may lie
TOGETHER = 500  # images that are corrupted at once


class Images(NamedTuple):
    """Images as pixels, their labels, and the units in which a network takes them.

    Arguments:
        pixels: Values between 0 and 1, (N, ...).
        y: Class indices, (N,).
        units: loc and scale of standardised inputs; None where the network takes
            pixels.
    """

    pixels: Tensor
    y: Tensor
    units: Units | None

    def standardised(self, pixels: Tensor | None = None) -> Tensor:
        """Return pixels, its own by default, as the network takes them."""
        pixels = self.pixels if pixels is None else pixels
        return pixels if self.units is None else self.units.standardise(pixels)


def images(data: Dataset | tuple[Tensor, Tensor]) -> Images:
    """Return the pixels of a data set's test part, or of a pair (x, y) whose x are pixels already.

    Raises:
        ValueError: Values that are no pixels; NaN; images without a label each.
    """
    whole = isinstance(data, Dataset)
    x, y = (
        data.test
        if whole
        else pair(data, "data is a zoo.datasets.Dataset or a pair (x, y)")
    )
    units = data.x_units if whole else None
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"there are {len(x)} images and {len(y)} labels; give one label for each image, one at least"
        )
    pixels = (x if units is None else units.restore(x)).detach()
    remedy = (
        "give the whole Dataset, whose x_units lead back to pixels"
        if not whole
        else "divide pixels by 255"
    )
    return Images(within(pixels, remedy).clamp(0.0, 1.0), y, units)


def within(
    pixels: Tensor, remedy: str = "divide by 255, or restore standardised images first"
) -> Tensor:
    """Return pixels if they are finite and lie between 0 and 1, as far as rounding goes."""
    if not bool(torch.isfinite(pixels).all()):
        raise ValueError(
            "the images hold NaN or infinite values; remove or impute them first"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"pixels lie between 0 and 1, but these reach from {low:.3g} to {high:.3g}; {remedy}"
        )
    return pixels


def grid_of(x: Tensor, inside: bool = True) -> Tensor:
    """Return images if they have the shape (N, channels, height, width), and values from 0 to 1 where these count."""
    if x.dim() != 4 or x.numel() == 0 or not x.is_floating_point():
        raise ValueError(
            f"images are floats of shape (N, channels, height, width), not {x.dtype} of {tuple(x.shape)}; "
            "unflatten rows and divide bytes by 255"
        )
    return within(x) if inside else x


def corrupted(
    pixels: Tensor, corrupt: Spoiler, severity: float, seed: int = 0
) -> Tensor:
    """Spoil images on the CPU, so many at once, always in the same way; 0 leaves them as they are.

    Arguments:
        pixels: Images, (N, ...).
        corrupt: What corrupts them.
        severity: How much.
        seed: Seed of torch's random numbers while it does; what was drawn before and
            after is not touched.

    Raises:
        ValueError: A corruption that gives another shape, or values that are not
            finite.
    """
    pixels = pixels.cpu()
    if severity == 0:
        return pixels
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        found = torch.cat([corrupt(part, severity) for part in pixels.split(TOGETHER)])
    if found.shape != pixels.shape or not bool(torch.isfinite(found).all()):
        raise ValueError(
            f"a corruption turns images into finite ones of the same shape, {tuple(pixels.shape)}, but "
            f"{getattr(corrupt, '__name__', corrupt)} at {severity} gave shape {tuple(found.shape)}, or values not finite"
        )
    return found


def level(severity: float, constants: tuple) -> object:
    """Return a family's constant at severity 1, 2, 3, 4 or 5."""
    if severity not in range(1, len(constants) + 1):
        raise ValueError(
            f"severity is 1, 2, 3, 4 or 5, a step of the published suite, not {severity}"
        )
    return constants[int(severity) - 1]
