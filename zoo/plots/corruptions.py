"""Corruptions: scores by family and severity, a coloured table for each score."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import as_array, ink_on, sheet, with_unit


def corruptions(
    families: Sequence[str],
    severities: Sequence[float],
    scores: Mapping[str, Tensor],
    *,
    clean: Mapping[str, float] | None = None,
    higher_is_better: Collection[str] = ("accuracy",),
    figure: Figure | None = None,
) -> Figure:
    """Draw each score as a table of families and severities, with cells coloured by value.

    Each table has its own range of colours. Light cells are the better ones in all of them,
    or those of lower uncertainty.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
            (Hendrycks, Dietterich, 2019)

    Arguments:
        families: Names of the families, (F,).
        severities: Severities, (K,).
        scores: Values (F, K) by the name of the score.
        clean: The same scores without corruption, for the titles.
        higher_is_better: The names of the scores of which the higher values are light.
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
        'accuracy, clean 0.95'
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
        title = with_unit(name)
        if clean:
            title = f"{title}, clean {clean[name]:.2f}"
        _draw_table(ax, table, "cividis" if name in higher_is_better else "cividis_r")

        ax.set_xticks(range(num_columns), columns)
        ax.set_title(title, fontsize="medium")
        ax.set_xlabel("severity")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)

    panels[0].set_yticks(range(num_rows), families)
    panels[0].set_ylabel("corruption")
    return figure


def _draw_table(ax: Axes, table: np.ndarray, palette: str) -> None:
    """Draw a table (F, K) as coloured cells with their values."""
    low = min(0.0, table.min())
    high = 1.0 if palette == "cividis" else table.max()
    image = ax.imshow(table, cmap=palette, vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        color = ink_on(image.to_rgba(value))
        text = ax.text(column, row, f"{value:.2f}", color=color, fontsize="small")
        text.set(ha="center", va="center")
