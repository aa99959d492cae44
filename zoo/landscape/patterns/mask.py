"""The picture that a surface is to show: booleans, grey values or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

_LARGEST = 64  # cells of a side


def as_mask(mask: Tensor | np.ndarray | str | Path) -> Tensor:
    """Return a picture as values between 0 and 1, (H, W): 1 where the loss is to be low.

    Arguments:
        mask: Booleans or grey values between 0 and 1, (H, W), or the path of a picture, whose
            dark pixels are those of low loss.

    Raises:
        ValueError: Another shape or range, a picture that is too large, or one without both
            kinds of cells.
    """
    values = _read(Path(mask)) if isinstance(mask, (str, Path)) else mask
    grey = torch.as_tensor(values).float()

    if grey.dim() != 2 or min(grey.shape) < 2 or max(grey.shape) > _LARGEST:
        raise ValueError(
            f"a mask must have 2 to {_LARGEST} rows and columns, not the shape "
            f"{tuple(grey.shape)}; make the picture smaller"
        )

    if not bool(((grey >= 0) & (grey <= 1)).all()):
        low, high = float(grey.min()), float(grey.max())
        raise ValueError(
            f"a mask must have booleans or values from 0 to 1, not {low:.4g} to {high:.4g}; "
            "divide them by the largest"
        )

    is_low = grey >= 0.5
    if bool(is_low.all()) or not bool(is_low.any()):
        raise ValueError(
            "a mask must have cells of low and of high loss, 1 and 0, but all cells of this one "
            "are on one side of 0.5"
        )

    return grey


def _read(path: Path) -> Tensor:
    """Return the darkness of the pixels of a picture, (H, W)."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        grey = np.asarray(picture.convert("L"), dtype=np.float32)

    return 1 - torch.from_numpy(grey) / 255
