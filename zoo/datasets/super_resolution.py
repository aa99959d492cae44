"""Patches of 91 photographs in low and high resolution, to learn super-resolution from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.images import held_out
from zoo.datasets.luminance import LUMINANCE_UNITS
from zoo.datasets.super_resolution_images import super_resolution_images


def super_resolution(
    path: str | Path,
    *,
    factor: int = 3,
    size: int = 17,
    stride: int = 14,
    num_validation: int = 10,
) -> Dataset:
    r"""Pairs of small and large patches of photographs: T91 to train, Set5 to test.

    .. math:: x = (Y_\text{low} - \text{loc}) / \text{scale}, \qquad
        y = (Y_\text{high} - \text{loc}) / \text{scale}

    Y is the luminance between 16 and 235; loc and scale are its mean and standard
    deviation over T91. A patch is a datum, and its log density is the sum over its
    factor² size² pixels. Patches of the training part overlap if the stride is smaller
    than the size, as published: then N patches count a pixel (size / stride)² times on
    average. Those of the other parts do not overlap.

    Published scores are of whole images: see `super_resolution_images`.

    References:
        Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network (Shi, Caballero, Huszár, Totz, Aitken, Bishop, Rueckert,
        Wang, 2016), section 4
        Image Super-Resolution Via Sparse Representation (Yang, Wright, Huang, Ma, 2010)

    Arguments:
        path: The folder that holds the folders Set5, Set14 and T91.
        factor: How many times as high and as wide the large image is: 2, 3 or 4.
        size: Height and width of the small patches in pixels.
        stride: Pixels of the small image from one training patch to the next.
        num_validation: Number of whole images of T91 that are kept aside for
            `data.validation`.

    Raises:
        FileNotFoundError: Files are missing; the message says what to put where.
        ValueError: Another factor, a size or stride below 1, or too few images.

    Example:
        >>> datasets.super_resolution("data", factor=3)  # doctest: +SKIP
        Dataset('T91, x3', train=2164, validation=171, test=199, inputs=1x17x17, ...)
    """
    if size < 1 or stride < 1:
        raise ValueError(
            f"size and stride are numbers of pixels, at least 1, not {size} and {stride}"
        )

    images = list(super_resolution_images(path, "T91", factor=factor).values())
    used, aside = held_out("images of T91", len(images), None, num_validation)
    test = super_resolution_images(path, "Set5", factor=factor)

    validation = None
    if num_validation > 0:
        kept = [images[row] for row in aside.tolist()]
        validation = _patches(kept, size, size)

    return Dataset(
        name=f"T91, x{factor}",
        train=_patches([images[row] for row in used.tolist()], size, stride),
        test=_patches(test.values(), size, size),
        x_units=LUMINANCE_UNITS,
        y_units=LUMINANCE_UNITS,
        validation=validation,
    )


def _patches(images: Iterable[Split], size: int, stride: int) -> Split:
    """Return all pairs of patches of images, from top left to bottom right.

    Raises:
        ValueError: No image has so many pixels.
    """
    small, large = [], []
    for x, y in images:
        factor = y.shape[-1] // x.shape[-1]
        if min(x.shape[-2:]) >= size:
            small.append(_cut(x, size, stride))
            large.append(_cut(y, factor * size, factor * stride))

    if not small:
        raise ValueError(f"no image has {size} x {size} pixels; write a smaller size")

    return Split(torch.cat(small), torch.cat(large))


def _cut(image: Tensor, size: int, stride: int) -> Tensor:
    """Return the patches of an image (1, C, H, W), (K, C, size, size)."""
    rows = image.unfold(-2, size, stride)
    cells = rows.unfold(-2, size, stride)  # (1, C, K rows, K columns, size, size)

    return cells.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).contiguous()
