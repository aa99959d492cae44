"""Legends that lie on no curve: above the axis, or in room that is made for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

_ROOM = 1.2  # made above the curves, in heights of the legend
_MOST = 0.6  # share of the axis
_STEPS = 40  # places that are tried on each part of a curve


def legend_above(ax: Axes) -> None:
    """Write the legend above an axis without a title."""
    ax.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=3,
        frameon=False,
        fontsize="small",
        handlelength=1.6,
        columnspacing=1.2,
    )


def legend_inside(ax: Axes, **options: Any) -> None:
    """Write the legend where no curve is; if there is no such place, make room at the top.

    The room has no ticks.

    Arguments:
        ax: The axis, with its curves and limits.
        **options: Options of the legend, such as `ncols`.
    """
    legend = ax.legend(frameon=False, **options)
    figure = ax.figure.canvas.figure
    figure.draw_without_rendering()  # because the layout moves the axes
    box = legend.get_window_extent()
    if not any(_crosses(line, box) for line in ax.get_lines()):
        return

    share = min(_ROOM * box.height / ax.bbox.height, _MOST)
    _, top = ax.transAxes.transform((0.0, 1.0 / (1.0 - share)))
    _, highest = ax.transData.inverted().transform((0.0, top))
    low, high = ax.get_ylim()
    ticks = [tick for tick in ax.get_yticks() if low <= tick <= high]
    ax.set_ylim(top=float(highest))
    ax.set_yticks(ticks)  # none in the room, where e.g. an accuracy is above 1
    ax.legend(frameon=False, loc="upper right", **options)


def _crosses(line: Line2D, box: Bbox) -> bool:
    """Return whether a curve goes through a box, in pixels."""
    points = line.get_transform().transform(line.get_xydata())  # (K, 2)
    if line.get_linestyle() != "None":
        share = np.linspace(0.0, 1.0, _STEPS)[:, None, None]
        between = points[:-1] + share * (points[1:] - points[:-1])
        points = between.reshape(-1, 2)

    x, y = points.T
    inside = (box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1)
    return bool(inside.any())
