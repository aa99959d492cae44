"""Corruptions: scores by family and severity, a coloured table of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import numbers, sheet


def corruptions(
    families: Sequence[str],
    severities: Sequence[float],
    scores: Mapping[str, Tensor],
    *,
    clean: Mapping[str, float] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw each score as a table of families and severities, its cells coloured from low to high.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        families: Names of the families, (F,).
        severities: Severities, (K,).
        scores: Numbers by the score's name, (F, K) each.
        clean: The same scores of what is not corrupted, for the titles.
        figure: An empty figure to draw on; a new one without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> scores = {"accuracy": torch.tensor([[0.9, 0.8], [0.9, 0.3]])}
        >>> figure = plots.corruptions(["fog", "snow"], [1, 5], scores, clean={"accuracy": 0.95}, figure=Figure())
        >>> figure.axes[0].get_title()
        'accuracy (clean 0.95)'
    """
    size = (
        1.6 + (0.8 + 0.55 * len(severities)) * len(scores),
        1.0 + 0.27 * len(families),
    )
    figure = sheet(figure, size)
    panels = figure.subplots(1, len(scores), squeeze=False, sharey=True)[0]
    for ax, (name, values) in zip(panels, scores.items(), strict=True):
        table = numbers(values, name, f"{len(families)}, {len(severities)}")
        low, high = min(0.0, table.min()), max(1.0, table.max())
        ax.imshow(table, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        for row, column in (
            (i, j) for i in range(len(families)) for j in range(len(severities))
        ):
            value = table[row, column]
            color = "black" if value > (low + high) / 2 else "white"
            ax.text(
                column,
                row,
                f"{value:.2f}",
                ha="center",
                va="center",
                color=color,
                fontsize="small",
            )
        ax.set_xticks(
            range(len(severities)), [f"{severity:g}" for severity in severities]
        )
        ax.set_title(
            f"{name} (clean {clean[name]:.2f})" if clean else name, fontsize="medium"
        )
        ax.set_xlabel("severity")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    panels[0].set_yticks(range(len(families)), families)
    return figure
