"""The figure of several surfaces with one colour scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from zoo.experiments.running.run import Run
from zoo.plots.surface import draw_contours, levels_of

_NUM_COLUMNS = 2


def draw_surfaces(
    run: Run, planes: Mapping[str, Mapping[str, Tensor]], label: str
) -> None:
    """Draw contours of surfaces, a panel each, with one colour scale.

    Arguments:
        run: The run.
        planes: Coordinates x (W,) and y (H,), and values (H, W), by the title of the panel.
        label: The name of the values.
    """
    grids = {title: plane["values"].double().numpy() for title, plane in planes.items()}
    levels = levels_of(np.stack([grid.flatten() for grid in grids.values()]))

    num_rows = -(-len(planes) // _NUM_COLUMNS)
    with run.report.panels(num_rows, _NUM_COLUMNS, run.experiment.name) as axes:
        for ax, (title, plane) in zip(axes.flat, planes.items(), strict=True):
            x, y = plane["x"].numpy(), plane["y"].numpy()
            filled = draw_contours(ax, x, y, grids[title], levels)
            ax.plot(0, 0, "o", color="white", markeredgecolor="black", markersize=4)
            ax.set_title(title)
            ax.set_aspect("equal")

        figure = axes.flat[0].figure
        figure.supxlabel("along two random directions, in norms of the filters")
        figure.colorbar(filled, ax=list(axes.flat), label=label, format="%.3g")
