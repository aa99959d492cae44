"""Figures in files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoo.runtime.files.atomic import atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure to a file, in the format of its suffix.

    Arguments:
        figure: The figure.
        path: The file, replaced if it exists.
        dpi: Dots per inch.

    Raises:
        OSError: The file cannot be written; the message says why.
    """
    with atomically(path) as new:
        figure.savefig(new, dpi=dpi)
