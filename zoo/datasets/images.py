"""Sets of images in a folder, read by torchvision and cut into parts of given sizes."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.units import Units
from zoo.runtime.torchvision_shim import load_torchvision


class Sizes(NamedTuple):
    """How many images go into each part; None for all that there are."""

    train: int | None
    validation: int
    test: int | None


def per_channel(loc: list[float], scale: list[float]) -> Units:
    """Make units for pixels between 0 and 1 from a number per channel, (C, 1, 1) each."""
    return Units(
        torch.tensor(loc).reshape(-1, 1, 1), torch.tensor(scale).reshape(-1, 1, 1)
    )


IMAGENET = per_channel([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def images(
    name: str,
    path: str | Path,
    sizes: Sizes,
    units: Units,
    *,
    download: bool,
    source: str,
) -> Dataset:
    """Read a set of images and cut it into parts.

    Arguments:
        name: What torchvision calls the set.
        path: The folder with the set's own folder in it.
        sizes: Sizes of the parts.
        units: loc and scale of each channel.
        download: Whether torchvision may fetch missing files.
        source: Where to get them, for the sentence of the error.
    """
    kind = getattr(load_torchvision().datasets, name)
    try:
        train, test = (
            kind(str(path), train=part, download=download) for part in (True, False)
        )
    except RuntimeError as error:  # torchvision's word for files that are not there
        raise FileNotFoundError(
            f"the folder {str(path)!r} does not hold the files of {name}, or not whole; {source}, or "
            "load them once in Python with download=True, which has torchvision fetch them"
        ) from error
    rows, validation = held_out(
        f"training images of {name}", len(train), sizes.train, sizes.validation
    )
    test_rows, _ = held_out(f"test images of {name}", len(test), sizes.test, 0)
    return Dataset(
        name,
        part(train, rows, units),
        part(test, test_rows, units),
        x_units=units,
        validation=part(train, validation, units) if len(validation) else None,
    )


def held_out(
    what: str, total: int, size: int | None, held: int
) -> tuple[Tensor, Tensor]:
    """Draw rows to use and rows to keep aside, always the same ones, both in the order of the files."""
    size = total - held if size is None else size
    if size < 1 or held < 0 or size + held > total:
        raise ValueError(
            f"there are {total:,} {what}, which cannot give {size:,} and {held:,} beside them"
        )
    order = torch.randperm(total, generator=torch.Generator().manual_seed(0))
    return order[:size].sort().values, order[total - held :].sort().values


def part(whole: object, rows: Tensor, units: Units) -> Split:
    """Return the given rows of torchvision's set, channels in front and standardised."""
    pixels = torch.as_tensor(whole.data)[rows]  # uint8, (N, H, W) or (N, H, W, C)
    pixels = pixels.unsqueeze(1) if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2)
    labels = torch.as_tensor(whole.targets)[rows]
    return Split(units.standardise(pixels.float() / 255).contiguous(), labels)
