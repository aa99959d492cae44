"""Comparison: what each guide believes along a line, laid over what the truth believes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from zoo.plots.canvas import TRUTH, colors, numbers
from zoo.plots.trade_off import fidelity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = (0.05, 0.25, 0.5, 0.75, 0.95)


def comparison(
    line: Tensor,
    truth: Tensor,
    bands: Mapping[str, Tensor],
    seconds: Mapping[str, float],
    scores: Mapping[str, float],
    floor: float | None = None,
    xlabel: str = "x",
    ylabel: str = "f(x)",
    *,
    observed: tuple[Tensor, Tensor] | None = None,
    score: str = "distance from the truth",
    figure: Figure | None = None,
) -> Figure:
    r"""Draw a panel for each guide, its band over the truth's, and fidelity against time beside.

    .. math:: [\,q_{0.05}(x), q_{0.95}(x)\,] \text{ of the guide, and of the truth in grey}

    All panels share their axes. The vertical range is that of the truth: what leaves it
    is clipped, so that one guide gone astray does not flatten the others.

    Arguments:
        line: Positions along a line through input space, in increasing order, (N,).
        truth: Draws of the function there from HMC or NUTS, (S, N).
        bands: Draws of each guide, (S, N); the panels stand in this order.
        seconds: Time that each guide took to fit.
        scores: Distance of each guide from the truth, lower is closer.
        floor: The score that the truth gets against itself.
        xlabel: What varies along the line.
        ylabel: What the function is.
        observed: Data to lay on top, x and y, each (N',).
        score: What the scores are.
        figure: An empty figure to draw on; a new one, wide as a slide, without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> line, truth = torch.linspace(-1, 1, 30), torch.randn(40, 30)
        >>> bands = {"Delta": torch.zeros(2, 30), "MeanField": 0.5 * torch.randn(40, 30)}
        >>> seconds, scores = {"Delta": 1, "MeanField": 3}, {"Delta": 0.8, "MeanField": 0.4}
        >>> figure = plots.comparison(line, truth, bands, seconds, scores, 0.1, figure=Figure())
        >>> [ax.get_title(loc="left") for ax in figure.axes]
        ['Delta', 'MeanField', 'distance from the truth']
    """
    line = numbers(line, "line", "N")
    shape = f"S, {len(line)}"
    grey = np.quantile(numbers(truth, "truth", shape), SIDES, axis=0)  # (5, N)
    draws = {
        name: numbers(band, f"bands[{name!r}]", shape) for name, band in bands.items()
    }
    _check(set(draws), set(seconds), set(scores))

    points = None if observed is None else _points(*observed)
    figure, panels, beside = _panels(len(draws), figure)
    shades = dict(zip(draws, colors(len(draws)), strict=True))
    for ax, (name, band) in zip(panels, draws.items(), strict=True):
        _shades(ax, line, grey, np.quantile(band, SIDES, axis=0), shades[name])
        if points is not None:
            ax.plot(*points, ".", color="black", alpha=0.7, markersize=2.5, zorder=3)
        ax.set_title(name, loc="left", color=shades[name], fontweight="bold")
    panels[0].set(xlim=(line[0], line[-1]), ylim=_range(grey))
    for ax in panels:
        subplot = ax.get_subplotspec()
        ax.set_ylabel(ylabel if subplot.is_first_col() else "")
        ax.set_xlabel(xlabel if subplot.is_last_row() else "")
        lowest = ax in panels[-_columns(len(panels)) :]  # of its column
        ax.tick_params(labelleft=subplot.is_first_col(), labelbottom=lowest)

    times, values = [seconds[name] for name in scores], list(scores.values())
    dots = [shades.get(name, "#404040") for name in scores]
    beside.set_title(score, loc="left")
    fidelity(list(scores), times, values, floor, colors=dots, ylabel="", ax=beside)
    return figure


def _points(x: Tensor, y: Tensor) -> tuple[np.ndarray, np.ndarray]:
    x = numbers(x, "observed x", "N")
    return x, numbers(y, "observed y", f"{len(x)}")


def _check(bands: set[str], seconds: set[str], scores: set[str]) -> None:
    if not bands:
        raise ValueError("bands is empty; give draws (S, N) for one guide at least.")
    if seconds != scores or not bands <= scores:
        raise ValueError(
            f"bands has {sorted(bands)}, seconds {sorted(seconds)}, scores {sorted(scores)}; "
            "give seconds and scores the same names, every name of bands among them."
        )


def _columns(panels: int) -> int:
    return panels if panels <= 3 else math.ceil(panels / (2 if panels <= 10 else 3))


def _panels(number: int, figure: Figure | None) -> tuple[Figure, list[Axes], Axes]:
    columns = _columns(number)
    rows = math.ceil(number / columns)
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(11.0, 1.8 + 2.2 * rows))
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained", wspace=0.03, hspace=0.05)
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1.0] * columns + [1.6])
    first = figure.add_subplot(grid[0, 0])
    rest = [
        figure.add_subplot(grid[divmod(i, columns)], sharex=first, sharey=first)
        for i in range(1, number)
    ]
    beside = figure.add_subplot(grid[:, columns])
    for ax in (first, *rest, beside):
        ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        "Grey: the truth, 50 % and 90 % of its draws.  Colour: median and 90 % of the guide's.",
        x=0.01, ha="left", color="#595959",
    )  # fmt: skip
    return figure, [first, *rest], beside


def _shades(
    ax: Axes, line: np.ndarray, truth: np.ndarray, guide: np.ndarray, color: str
) -> None:
    ax.fill_between(line, truth[0], truth[4], color=TRUTH, alpha=0.3, linewidth=0)
    ax.fill_between(line, truth[1], truth[3], color=TRUTH, alpha=0.5, linewidth=0)
    ax.fill_between(line, guide[0], guide[4], color=color, alpha=0.25, linewidth=0)
    for edge in (guide[0], guide[4]):
        ax.plot(line, edge, color=color, linewidth=1)
    ax.plot(line, guide[2], color=color, linewidth=2)


def _range(truth: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(truth[0], 0.05), np.quantile(truth[4], 0.95)
    pad = 0.2 * (high - low) or 1.0
    return low - pad, high + pad
