"""The figure: effective draws against chains, a panel for each posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.samplers.rows import Row
from benchmarks.samplers.table import groups, mean_of

NUMBERS = {
    "least_per_second": "least function, effective draws a second",
    "median_per_second": "median function, effective draws a second",
    "least_per_1000": "least function, effective draws a 1000 gradients",
}


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the figure into a file."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    found = groups(rows)
    posteriors = sorted({posterior for posterior, _ in found})
    if not posteriors:
        return

    size = (3.2 * len(posteriors), 2.8 * len(NUMBERS))
    figure, panels = plt.subplots(
        len(NUMBERS), len(posteriors), figsize=size, squeeze=False, sharex=True
    )
    for row, (number, label) in enumerate(NUMBERS.items()):
        for column, posterior in enumerate(posteriors):
            _panel(panels[row, column], rows, posterior, number)
        panels[row, 0].set_ylabel(label, fontsize=7)

    for column, posterior in enumerate(posteriors):
        panels[0, column].set_title(posterior)
        panels[-1, column].set_xlabel("chains")

    lines: dict[str, Any] = {}
    for panel in panels.flat:
        handles, labels = panel.get_legend_handles_labels()
        lines |= dict(zip(labels, handles, strict=True))
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=6)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def _panel(panel: Any, rows: Sequence[Row], posterior: str, number: str) -> None:
    """Draw a line for every sampler, with standard errors over seeds."""
    found = groups(rows)
    names = sorted({row["sampler"] for row in rows})
    for index, sampler in enumerate(names):
        points = []
        for (name, chains), by_sampler in found.items():
            if name == posterior and sampler in by_sampler:
                mean = mean_of(by_sampler[sampler], number)
                middle = math.exp(mean.log)
                error = 0.0 if math.isnan(mean.error) else middle * mean.error
                points.append((chains, middle, error))
        if not points:
            continue

        x, y, errors = zip(*sorted(points), strict=True)
        style = "-" if sampler.startswith("ours") else "--"
        panel.errorbar(
            x, y, errors, label=sampler, linestyle=style, marker=".", color=f"C{index}"
        )

    panel.set_xscale("log", base=4)
    panel.set_yscale("log")
