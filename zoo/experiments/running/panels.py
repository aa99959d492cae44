"""The figure of an experiment: panels to draw on, and its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from zoo.experiments.running.side_files import written
from zoo.plots.saving import save_figure

Share = Literal["row", "none"]


@contextmanager
def panels(
    path: Path, *, rows: int, columns: int, title: str, share: Share
) -> Iterator[np.ndarray]:
    """Yield axes (rows, columns) to draw on, and write their figure afterwards.

    Arguments:
        path: The file of the figure.
        rows: Number of rows of panels.
        columns: Number of panels in a row.
        title: The title of the figure.
        share: "row" if the panels of a row share one vertical axis, else "none".
    """
    import matplotlib.pyplot as plt

    from zoo.plots.canvas import COLORS

    width = max(6.4, 4.2 * columns)
    height = 1.0 + 3.2 * rows
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width, height),
        layout="constrained",
        sharey=share,
        squeeze=False,
    )

    for ax in axes.flat:
        ax.set_prop_cycle(color=COLORS)

    yield axes

    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)

    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    written(path, lambda: save_figure(figure, path, dpi=120))
    plt.close(figure)
