"""Emoji: small colour pictures without labels, for generators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.images import held_out, per_channel

_COLUMNS, _SIDE, _NUM_IMAGES = 63, 32, 3_916
_SHEET = (_COLUMNS * _SIDE, _COLUMNS * _SIDE, 3)
_SOURCE = (
    "put the 3,916 pictures of the Noto emoji, 32x32 on white, there as one lossless sheet of 63 "
    "rows and 63 columns"
)
_UNITS = per_channel([0.5] * 3, [0.5] * 3)


def emoji(
    path: str | Path, *, num_train: int | None = None, num_test: int = 0
) -> Dataset:
    r"""3,916 different Noto emoji, 32 x 32 in colour on white.

    .. math:: x = 2 \, \text{pixel} / 255 - 1

    Values are between -1 and 1, as the generator of a DCGAN makes them. There are no
    classes, so that every target is 0.

    References:
        Noto Emoji (Google, 2013), SIL Open Font License 1.1

    Arguments:
        path: The folder that holds `emoji.webp`.
        num_train: Size of the training part; by default all that are not in the test part.
        num_test: Number of pictures of the test part.

    Raises:
        FileNotFoundError: The file is missing; the message says what it holds.
        ValueError: A file with other content, or parts that are larger than the set.

    Example:
        >>> datasets.emoji("data", num_test=400).train.x.shape  # doctest: +SKIP
        torch.Size([3516, 3, 32, 32])
    """
    pictures = _read(Path(path) / "emoji.webp")
    used, aside = held_out("pictures of emoji", len(pictures), num_train, num_test)

    return Dataset("emoji", _part(pictures[used]), _part(pictures[aside]), _UNITS)


def _read(file: Path) -> Tensor:
    """Return the pictures of a sheet, uint8, (N, 3, 32, 32)."""
    from PIL import Image, UnidentifiedImageError

    if not file.is_file():
        folder = str(file.parent)
        raise FileNotFoundError(
            f"the folder {folder!r} has no file {file.name}; {_SOURCE}"
        )

    try:
        with Image.open(file) as image:
            sheet = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{str(file)!r} is no image; {_SOURCE}") from error

    if sheet.shape != _SHEET:
        size = "x".join(map(str, sheet.shape))
        raise ValueError(f"{str(file)!r} is a sheet of {size} values; {_SOURCE}")

    cells = sheet.reshape(_COLUMNS, _SIDE, _COLUMNS, _SIDE, 3)
    pictures = cells.transpose(0, 2, 4, 1, 3).reshape(-1, 3, _SIDE, _SIDE)

    return torch.from_numpy(pictures[:_NUM_IMAGES].copy())


def _part(pictures: Tensor) -> Split:
    """Return pictures between -1 and 1, each with the target 0."""
    x = _UNITS.standardise(pictures.float() / 255)

    return Split(x, torch.zeros(len(x), dtype=torch.long))
