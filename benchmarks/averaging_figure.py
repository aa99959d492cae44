"""The figure of `benchmarks.averaging`: scores over the number of forward passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.plots.canvas import COLORS, GREY, hide_frame

STYLES = {  # colour, marker and line
    "deep ensemble": (COLORS[0], "o", "-"),
    "SWAG": (COLORS[4], "v", "--"),
    "MultiSWAG": (COLORS[1], "^", "-"),
    "SGHMC": (COLORS[2], "s", "-"),
    "SGHMC cyclical": (COLORS[3], "D", "--"),
    "reference": (GREY, "*", ":"),
}
SCORES = {
    "nll": "held-out NLL, nats per datum",
    "distance": "distance from the reference",
}


def draw(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw a column for each problem, with the held-out score above and the distance below.

    Arguments:
        lines: Means and standard errors, as `benchmarks.averaging.summary` returns them.
    """
    problems = list(dict.fromkeys(line["problem"] for line in lines))
    figure = Figure(figsize=(3.7 * len(problems), 6.2), layout="constrained")
    axes = figure.subplots(len(SCORES), len(problems), squeeze=False)
    for number, problem in enumerate(problems):
        own = [line for line in lines if line["problem"] == problem]
        for ax, (key, label) in zip(axes[:, number], SCORES.items(), strict=True):
            _draw_score(ax, own, key)
            if number == 0:
                ax.set_ylabel(label)

        axes[0, number].set_title(problem)
        axes[-1, number].set_xlabel("forward passes")

    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)

    return figure


def _draw_score(ax: Axes, lines: Sequence[Mapping[str, Any]], key: str) -> None:
    """Draw one score of all methods on one problem."""
    hide_frame(ax)
    ticks: set[int] = set()
    for method, (color, marker, dashes) in STYLES.items():
        own = [line for line in lines if line["method"] == method]
        passes = [line["passes"] for line in own]
        ticks |= set(passes)
        ax.errorbar(
            passes,
            [line[key] for line in own],
            yerr=[line[f"{key} error"] for line in own],
            color=color,
            marker=marker,
            linestyle=dashes,
            markersize=5,
            linewidth=1.5,
            label=method,
        )

    ax.set_xscale("log")
    ax.set_xticks(sorted(ticks), [str(number) for number in sorted(ticks)])
    ax.minorticks_off()
