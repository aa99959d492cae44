"""Pixels: convert a data set's standardised inputs to images in [0, 1], and corrupt these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.data import pair
from zoo.datasets import Dataset, Units

# A function of pixels (N, C, H, W) and a severity: an int for a family of the suite,
# a float for the other corruptions.
CorruptionFunction = Callable[[Tensor, Any], Tensor]
Constant = TypeVar("Constant")

_ROUNDING = 1e-4  # how far restored pixels may lie outside [0, 1]
_IMAGES_AT_ONCE = 500


class Images(NamedTuple):
    """Images as pixels, their labels, and the units in which a network takes them.

    Arguments:
        pixels: Values between 0 and 1, (N, ...).
        y: Class indices, (N,).
        units: loc and scale of standardised inputs; None if the network takes pixels.
    """

    pixels: Tensor
    y: Tensor
    units: Units | None

    def standardised(self, pixels: Tensor | None = None) -> Tensor:
        """Return pixels in the units of the network; the images' own pixels by default."""
        if pixels is None:
            pixels = self.pixels

        if self.units is None:
            return pixels
        return self.units.standardise(pixels)


def images(data: Dataset | tuple[Tensor, Tensor]) -> Images:
    """Return the pixels of a data set's test part, or of a pair (x, y) whose x are pixels.

    Raises:
        ValueError: Values outside [0, 1]; NaN; not exactly one label for each image.
    """
    if isinstance(data, Dataset):
        x, y = data.test
        units = data.x_units
        remedy = "divide pixels by 255"
    else:
        x, y = pair(data, "data must be a zoo.datasets.Dataset or a pair (x, y)")
        units = None
        remedy = "give the whole Dataset, whose x_units restore the pixels"

    if len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"there are {len(x)} images and {len(y)} labels; "
            "give at least one image, and one label for each image"
        )

    pixels = x if units is None else units.restore(x)
    pixels = pixels.detach()
    _check_range(pixels, remedy)

    return Images(pixels.clamp(0.0, 1.0), y, units)


def checked_images(x: Tensor) -> Tensor:
    """Return x if it is a tensor of images (N, channels, height, width) with values in [0, 1].

    Raises:
        ValueError: Another shape, no floats, NaN, or values outside [0, 1].
    """
    if x.dim() != 4 or x.numel() == 0 or not x.is_floating_point():
        raise ValueError(
            "images must be floats of shape (N, channels, height, width), "
            f"not {x.dtype} of {tuple(x.shape)}; reshape rows, and divide bytes by 255"
        )

    _check_range(x, "divide by 255, or restore standardised images first")
    return x


def corrupted(
    pixels: Tensor, corrupt: CorruptionFunction, severity: float, seed: int = 0
) -> Tensor:
    """Corrupt images on the CPU, in batches, with the same random numbers in every call.

    Arguments:
        pixels: Images, (N, ...).
        corrupt: The corruption.
        severity: Its severity; 0 returns the images unchanged.
        seed: Seed of torch's random numbers during the corruption; the global state of
            the generator does not change.

    Raises:
        ValueError: A corruption that returns another shape, or values that are not
            finite.
    """
    pixels = pixels.cpu()
    if severity == 0:
        return pixels

    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        parts = [corrupt(part, severity) for part in pixels.split(_IMAGES_AT_ONCE)]

    found = torch.cat(parts)
    if found.shape != pixels.shape or not bool(torch.isfinite(found).all()):
        name = getattr(corrupt, "__name__", corrupt)
        raise ValueError(
            "a corruption must return finite images of the same shape, "
            f"{tuple(pixels.shape)}, but {name} at {severity} returned shape "
            f"{tuple(found.shape)} or values that are not finite"
        )

    return found


def constant_at(severity: int, constants: Sequence[Constant]) -> Constant:
    """Return the constant of a family of the suite at severity 1, 2, 3, 4 or 5.

    Raises:
        ValueError: Another severity.
    """
    if severity not in range(1, len(constants) + 1):
        raise ValueError(
            f"severity must be 1, 2, 3, 4 or 5, as in the published suite, not {severity}"
        )
    return constants[int(severity) - 1]


def _check_range(pixels: Tensor, remedy: str) -> None:
    """Refuse pixels that are not finite, or lie outside [0, 1] by more than rounding."""
    if not bool(torch.isfinite(pixels).all()):
        raise ValueError(
            "the images hold NaN or infinite values; remove or impute them first"
        )

    low = float(pixels.min())
    high = float(pixels.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ValueError(
            "pixels must be between 0 and 1, but these go "
            f"from {low:.3g} to {high:.3g}; {remedy}"
        )
