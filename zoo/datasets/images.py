"""Sets of images in a folder, read by torchvision and divided into parts of given sizes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.units import Units
from zoo.runtime.torchvision_shim import load_torchvision

_LICENCES = {
    "MNIST": "CC BY-SA 3.0, LeCun and Cortes",
    "FashionMNIST": "MIT, Zalando",
    "CIFAR10": "none stated by its authors",
}


class Sizes(NamedTuple):
    """Number of images of each part; None for all."""

    train: int | None
    validation: int
    test: int | None


class _ImageSet(Protocol):
    """Pixels (N, H, W) or (N, H, W, C), uint8, and class indices (N,), as torchvision has them."""

    data: Tensor | np.ndarray
    targets: Tensor | list[int]


def per_channel(loc: list[float], scale: list[float]) -> Units:
    """Make units for pixels between 0 and 1 from a value for each channel, (C, 1, 1) each."""
    shape = (-1, 1, 1)
    locs = torch.tensor(loc).reshape(shape)
    scales = torch.tensor(scale).reshape(shape)

    return Units(locs, scales)


# Units of networks that were trained on ImageNet.
IMAGENET = per_channel([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def load_images(
    name: str,
    path: str | Path,
    sizes: Sizes,
    units: Units,
    *,
    download: bool,
    source: str,
) -> Dataset:
    """Read a set of images and divide it into parts.

    Arguments:
        name: torchvision's name of the set.
        path: The folder that holds the set's own folder.
        sizes: Sizes of the parts.
        units: loc and scale of each channel.
        download: Whether torchvision may download missing files.
        source: Where to get the files, for the error message.

    Raises:
        FileNotFoundError: Files are missing or incomplete.
        ValueError: The parts are larger than the set.
    """
    image_set = getattr(load_torchvision().datasets, name)
    folder = str(path)
    try:
        train = image_set(folder, train=True, download=download)
        test = image_set(folder, train=False, download=download)
    except RuntimeError as error:  # torchvision raises this if files are missing
        raise FileNotFoundError(
            f"the folder {folder!r} lacks files of {name}, or some are damaged; {source}, or "
            "write download=True once in Python"
        ) from error

    used, aside = held_out(
        f"training images of {name}", len(train), sizes.train, sizes.validation
    )
    tested, _ = held_out(f"test images of {name}", len(test), sizes.test, 0)

    validation = None
    if sizes.validation > 0:
        validation = _part(train, aside, units)

    return Dataset(
        name=name,
        train=_part(train, used, units),
        test=_part(test, tested, units),
        x_units=units,
        validation=validation,
        licence=_LICENCES.get(name, ""),
    )


def held_out(
    what: str, total: int, num_used: int | None, num_aside: int
) -> tuple[Tensor, Tensor]:
    """Draw rows to use and rows to keep aside, both in the order of the files.

    The rows are the same in every call: the generator has a fixed seed.

    Arguments:
        what: What the rows are, for the error message.
        total: Number of rows.
        num_used: Number of rows to use; None for all that are not kept aside.
        num_aside: Number of rows to keep aside.

    Raises:
        ValueError: There are not enough rows.
    """
    if num_used is None:
        num_used = total - num_aside

    too_few = num_used < 1 or num_aside < 0
    too_many = num_used + num_aside > total
    if too_few or too_many:
        raise ValueError(
            f"there are {total:,} {what}, not enough for {num_used:,} to use and "
            f"{num_aside:,} to keep aside; use at least 1, and both together at most {total:,}"
        )

    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(total, generator=generator)
    used = order[:num_used]
    aside = order[total - num_aside :]

    return used.sort().values, aside.sort().values


def _part(images: _ImageSet, rows: Tensor, units: Units) -> Split:
    """Return the given rows, with channels first and standardised."""
    pixels = torch.as_tensor(images.data)
    labels = torch.as_tensor(images.targets)

    pixels = pixels[rows]
    is_grey = pixels.dim() == 3
    pixels = pixels.unsqueeze(1) if is_grey else pixels.permute(0, 3, 1, 2)

    x = units.standardise(pixels.float() / 255)  # (N, C, H, W)

    return Split(x.contiguous(), labels[rows])
