"""The figure: effective draws a second of each sampler, a panel for each posterior."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.samplers.plan import ORDER
from benchmarks.samplers.rows import Row
from benchmarks.samplers.table import WORST_RHAT, groups, mean_of
from zoo.plots.canvas import COLORS, GREY, hide_frame

NUMBERS = {
    "least_per_second": "least function",
    "median_per_second": "median function",
}
OURS, OTHERS = COLORS[0], GREY


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the figure into a file, for the number of chains that has most rows."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    if not rows:
        return

    ((chains, _),) = Counter(row["chains"] for row in rows).most_common(1)
    found = {}
    for (posterior, number), by_sampler in sorted(groups(rows).items()):
        if number == chains:
            found[posterior] = by_sampler

    names = {name for by_sampler in found.values() for name in by_sampler}
    samplers = [name for name in reversed(ORDER) if name in names]
    size = (2.6 * len(found) + 1.6, 0.28 * len(samplers) * len(NUMBERS) + 1.6)
    figure, panels = plt.subplots(
        len(NUMBERS),
        len(found),
        figsize=size,
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for line, (number, label) in zip(panels, NUMBERS.items(), strict=True):
        for panel, (posterior, by_sampler) in zip(line, found.items(), strict=True):
            _panel(panel, by_sampler, samplers, number)
            if number == next(iter(NUMBERS)):
                panel.set_title(posterior)

        line[0].set_ylabel(label)

    figure.supxlabel(
        f"effective draws a second, {chains} chains; bars: two standard errors over seeds; "
        f"hollow: R-hat above {WORST_RHAT}",
        fontsize="medium",
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(
    panel: Any, by_sampler: Mapping[str, list[Row]], samplers: list[str], number: str
) -> None:
    """Draw a point for every sampler, with errors over seeds."""
    for height, sampler in enumerate(samplers):
        rows = by_sampler.get(sampler)
        if not rows:
            continue

        mean = mean_of(rows, number)
        middle = math.exp(mean.log)
        factor = 1.0 if math.isnan(mean.error) else math.exp(2 * mean.error)
        color = OURS if sampler.startswith("ours") else OTHERS
        agrees = max(row["rhat"] for row in rows) <= WORST_RHAT
        panel.plot([middle / factor, middle * factor], [height, height], color=color)
        panel.plot(
            [middle],
            [height],
            "o" if sampler.startswith("ours") else "s",
            color=color,
            markerfacecolor=color if agrees else "white",
        )

    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    panel.xaxis.set_major_formatter(FuncFormatter(_short))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_yticks(range(len(samplers)), samplers)
    panel.grid(axis="x", alpha=0.3)
    hide_frame(panel)


def _short(number: float, _: int) -> str:
    """Return a number in few characters, thousands as 1k."""
    return f"{number / 1000:g}k" if number >= 1000 else f"{number:g}"
