"""The figure of chains and guides over nodes: scores, and distances to the chains."""

from __future__ import annotations

from typing import Any

from zoo.experiments.parts.node_agreement import DISTANCES
from zoo.experiments.running.run import Run


def draw_nodes(run: Run, title: str) -> None:
    """Draw the NLL and the ECE of each prediction, and its distance to the chains.

    Arguments:
        run: The run, whose scores and table are drawn.
        title: The title.
    """
    labels = {"nll": "test NLL, nats", "ece": "ECE"}
    with run.report.panels(columns=3, title=title) as axes:
        for ax, score in zip(axes[0], labels, strict=False):
            for name, numbers in run.result.scores.items():
                number = numbers[score]
                bar = number.two_errors
                ax.errorbar(number.value, name, xerr=bar, fmt="o")

            ax.set_xlabel(f"{labels[score]}, ± 2 standard errors")

        _draw_distances(axes[0, 2], run)


def _draw_distances(ax: Any, run: Run) -> None:
    """Draw the total variation of each prediction to that of the chains."""
    from zoo.plots.canvas import COLORS

    for row in run.result.tables[DISTANCES]:
        ax.plot(row["total_variation"], row["prediction"], "o", color=COLORS[0])

    ax.set_xlabel("total variation to the chains")
