"""Corruptions: scores by family and severity, a coloured table for each score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import as_array, sheet


def corruptions(
    families: Sequence[str],
    severities: Sequence[float],
    scores: Mapping[str, Tensor],
    *,
    clean: Mapping[str, float] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw each score as a table of families and severities, with cells coloured by value.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
            (Hendrycks, Dietterich, 2019)

    Arguments:
        families: Names of the families, (F,).
        severities: Severities, (K,).
        scores: Values (F, K) by the name of the score.
        clean: The same scores without corruption, for the titles.
        figure: An empty figure to draw on; by default a new one.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> families, severities = ["fog", "snow"], [1, 5]
        >>> scores = {"accuracy": torch.tensor([[0.9, 0.8], [0.9, 0.3]])}
        >>> clean = {"accuracy": 0.95}
        >>> figure = plots.corruptions(families, severities, scores, clean=clean, figure=Figure())
        >>> figure.axes[0].get_title()
        'accuracy (clean 0.95)'
    """
    num_rows = len(families)
    num_columns = len(severities)
    width_of_table = 0.8 + 0.55 * num_columns
    width = 1.6 + width_of_table * len(scores)
    height = 1.0 + 0.27 * num_rows
    figure = sheet(figure, (width, height))
    panels = figure.subplots(1, len(scores), squeeze=False, sharey=True)[0]
    columns = [f"{severity:g}" for severity in severities]

    for ax, (name, values) in zip(panels, scores.items(), strict=True):
        table = as_array(values, name, f"{num_rows}, {num_columns}")
        title = f"{name} (clean {clean[name]:.2f})" if clean else name
        _draw_table(ax, table)

        ax.set_xticks(range(num_columns), columns)
        ax.set_title(title, fontsize="medium")
        ax.set_xlabel("severity")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)

    panels[0].set_yticks(range(num_rows), families)
    return figure


def _draw_table(ax: Axes, table: np.ndarray) -> None:
    """Draw a table (F, K) as coloured cells with their values."""
    low = min(0.0, table.min())
    high = max(1.0, table.max())
    middle = (low + high) / 2
    ax.imshow(
        table,
        cmap="cividis",
        vmin=low,
        vmax=high,
        aspect="auto",
    )
    for (row, column), value in np.ndenumerate(table):
        color = "black" if value > middle else "white"
        text = ax.text(column, row, f"{value:.2f}", color=color, fontsize="small")
        text.set(ha="center", va="center")
