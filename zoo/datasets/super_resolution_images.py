"""Whole images of low and of high resolution: those of a folder, and an image of yours."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from zoo.datasets.dataset import Split
from zoo.datasets.luminance import LUMINANCE_UNITS, luminance, resized_colours

ImageSet = Literal["Set5", "Set14", "T91"]
_FACTORS = (2, 3, 4)
_SOURCE = (
    "put folders Set5 and Set14 there with files NAME_HR.png and NAME_x2.png, NAME_x3.png, "
    "NAME_x4.png, as in github.com/jbhuang0604/SelfExSR, and the 91 images of Yang et al. as T91"
)


def super_resolution_images(
    path: str | Path, name: ImageSet = "Set5", *, factor: int = 3
) -> dict[str, Split]:
    r"""Whole images of Set5, Set14 or T91, on which super-resolution is scored.

    .. math:: x = (Y_\text{low} - \text{loc}) / \text{scale}, \qquad
        y = (Y_\text{high} - \text{loc}) / \text{scale}

    Y is the luminance between 16 and 235; loc and scale are those of
    `super_resolution`. The small images of Set5 and Set14 are files; those of T91 are
    made from the large ones by `super_resolution_pair`. A large image is cropped to
    `factor` times the size of the small one. Networks without linear layers take images
    of any size, one at a time.

    References:
        Low-Complexity Single-Image Super-Resolution based on Nonnegative Neighbor Embedding
        (Bevilacqua, Roumy, Guillemot, Alberi-Morel, 2012), for Set5
        On Single Image Scale-Up Using Sparse-Representations (Zeyde, Elad, Protter, 2010), for
        Set14
        Image Super-Resolution Via Sparse Representation (Yang, Wright, Huang, Ma, 2010), for T91

    Arguments:
        path: The folder that holds the folders Set5, Set14 and T91.
        name: "Set5", "Set14" or "T91".
        factor: How many times as high and as wide the large image is: 2, 3 or 4.

    Returns:
        A small image (1, 1, h, w) and its large one (1, 1, factor h, factor w), by name.

    Raises:
        FileNotFoundError: Files are missing; the message says what to put where.
        ValueError: Another name or factor, or a small image of another size than the
            large one.

    Example:
        >>> datasets.super_resolution_images("data", "Set5")["bird"].x.shape  # doctest: +SKIP
        torch.Size([1, 1, 96, 96])
    """
    check_factor(factor)
    if name not in get_args(ImageSet):
        raise ValueError(f"the images are 'Set5', 'Set14' or 'T91', not {name!r}")

    folder = Path(path) / name
    pattern = "*" if name == "T91" else "*_HR.png"
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"the folder {str(folder)!r} has no images; {_SOURCE}")

    images = {}
    for file in files:
        if name == "T91":
            images[file.stem] = _made(file, factor)
        else:
            images[file.stem.removesuffix("_HR")] = _read(file, factor)

    return images


def super_resolution_pair(image: Tensor, *, factor: int = 3) -> Split:
    r"""An image of yours as a small and a large one, in the units of `super_resolution`.

    The small image is made by bicubic interpolation with antialiasing, and rounded as
    in a file. On Set5 it differs from the published small images by 60 dB (factor 3),
    which is about a rounding error.

    References:
        Cubic Convolution Interpolation for Digital Image Processing (Keys, 1981)

    Arguments:
        image: Colours (3, H, W) or grey values (1, H, W), from 0 to 255.
        factor: How many times as high and as wide the large image is: 2, 3 or 4.

    Returns:
        The small image (1, 1, H / factor, W / factor) and the large one (1, 1, H, W).

    Raises:
        ValueError: An image of another shape, or whose sides the factor does not divide.

    Example:
        >>> image = torch.randint(256, (3, 12, 18))
        >>> low, high = datasets.super_resolution_pair(image, factor=3)
        >>> low.shape, high.shape
        (torch.Size([1, 1, 4, 6]), torch.Size([1, 1, 12, 18]))
    """
    check_factor(factor)
    if image.dim() != 3 or len(image) not in (1, 3):
        raise ValueError(
            f"the image has shape {tuple(image.shape)}; write colours (3, H, W) or grey values "
            "(1, H, W), from 0 to 255"
        )

    height, width = image.shape[1:]
    if height % factor or width % factor:
        whole = f"image[:, :{height // factor * factor}, :{width // factor * factor}]"
        raise ValueError(
            f"the image has {height} x {width} pixels, and {factor} does not divide both sides; "
            f"write {whole}"
        )

    colours = image.float().expand(3, -1, -1)
    small = resized_colours(colours, (height // factor, width // factor))

    return _pair(small, colours)


def check_factor(factor: int) -> None:
    """Refuse a factor that is not 2, 3 or 4."""
    if factor not in _FACTORS:
        raise ValueError(f"factor must be 2, 3 or 4, not {factor}")


def _made(file: Path, factor: int) -> Split:
    """Return an image, cropped to a multiple of the factor, with a small one made from it."""
    image = _colours(file)
    height, width = (side // factor * factor for side in image.shape[1:])

    return super_resolution_pair(image[:, :height, :width], factor=factor)


def _read(file: Path, factor: int) -> Split:
    """Return an image and the small one in the file beside it.

    Raises:
        FileNotFoundError: There is no small image.
        ValueError: The large image is smaller than `factor` times the small one.
    """
    stem = file.stem.removesuffix("_HR")
    small_file = file.with_name(f"{stem}_x{factor}.png")
    if not small_file.is_file():
        raise FileNotFoundError(
            f"the folder {str(file.parent)!r} has no file {small_file.name}; {_SOURCE}"
        )

    small, large = _colours(small_file), _colours(file)
    height, width = (factor * side for side in small.shape[1:])
    if large.shape[1] < height or large.shape[2] < width:
        raise ValueError(
            f"{file.name} has {large.shape[1]} x {large.shape[2]} pixels, fewer than {factor} "
            f"times those of {small_file.name}, {height} x {width}"
        )

    return _pair(small, large[:, :height, :width])


def _pair(small: Tensor, large: Tensor) -> Split:
    """Return the standardised luminance of two images (3, H, W), (1, 1, H, W) each."""
    x = LUMINANCE_UNITS.standardise(luminance(small))
    y = LUMINANCE_UNITS.standardise(luminance(large))

    return Split(x.unsqueeze(0), y.unsqueeze(0))


def _colours(file: Path) -> Tensor:
    """Read the colours of an image, (3, H, W), from 0 to 255."""
    from PIL import Image

    with Image.open(file) as image:
        pixels = np.array(image.convert("RGB"))

    return torch.from_numpy(pixels).permute(2, 0, 1).float()
