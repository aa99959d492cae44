"""Panels in rows that share their axes, with one more axis on their right."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.plots.canvas import hide_frame


@dataclass(frozen=True)
class PanelLayout:
    """The axes of a figure.

    Arguments:
        figure: The figure.
        panels: Panels that share their axes, row by row.
        last: The axis on the right of all panels.
        num_columns: Number of columns of panels.
    """

    figure: Figure
    panels: list[Axes]
    last: Axes
    num_columns: int


def panel_layout(num_panels: int, figure: Figure | None) -> PanelLayout:
    """Make the panels, and the axis on their right.

    Arguments:
        num_panels: Number of panels.
        figure: An empty figure to draw on; by default a new one, as wide as a slide.
    """
    num_columns = _num_columns(num_panels)
    num_rows = math.ceil(num_panels / num_columns)

    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(11.0, 1.8 + 2.2 * num_rows))

    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained", wspace=0.03, hspace=0.05)

    widths = [1.0] * num_columns + [1.6]
    grid = figure.add_gridspec(num_rows, num_columns + 1, width_ratios=widths)
    panels = [figure.add_subplot(grid[0, 0])]
    for number in range(1, num_panels):
        cell = grid[divmod(number, num_columns)]
        panels.append(figure.add_subplot(cell, sharex=panels[0], sharey=panels[0]))

    last = figure.add_subplot(grid[:, num_columns])
    for ax in (*panels, last):
        hide_frame(ax)
    return PanelLayout(figure, panels, last, num_columns)


def _num_columns(num_panels: int) -> int:
    if num_panels <= 3:
        return num_panels

    num_rows = 2 if num_panels <= 10 else 3
    return math.ceil(num_panels / num_rows)


def label_panels(layout: PanelLayout, xlabel: str, ylabel: str) -> None:
    """Write labels and ticks at the outer axes of the panels only."""
    lowest_of_columns = layout.panels[-layout.num_columns :]
    for ax in layout.panels:
        subplot = ax.get_subplotspec()
        is_first = subplot.is_first_col()
        ax.set_ylabel(ylabel if is_first else "")
        ax.set_xlabel(xlabel if ax in lowest_of_columns else "")
        ax.tick_params(labelleft=is_first, labelbottom=ax in lowest_of_columns)
