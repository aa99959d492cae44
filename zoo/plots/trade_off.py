"""Fidelity against cost: the distance of each guide from a reference, and what a fit costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator
from torch import Tensor

from zoo.plots import canvas
from zoo.plots.canvas import as_array, axis
from zoo.plots.curves import marker
from zoo.plots.labels import place_labels


def fidelity(
    names: Sequence[str],
    costs: Tensor | Sequence[float],
    scores: Tensor | Sequence[float],
    floor: float | None = None,
    *,
    colors: Sequence[str] | None = None,
    xlabel: str = "seconds to fit",
    ylabel: str = "distance from the reference",
    yscale: str = "linear",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the score of each guide against its cost as a dot, and the floor as a band.

    .. math:: \text{score}_i \ge 0, \quad 0 \text{ is the reference itself}

    The floor is the score of two independent runs of the reference against each other.
    The draws cannot tell a guide inside the band from the reference.

    Arguments:
        names: Names of the guides, (G,).
        costs: Cost of each, (G,), above 0, e.g. seconds to fit, or parameters; the axis
            is logarithmic.
        scores: Distance of each from the reference, (G,); lower is closer.
        floor: The score of the reference against itself.
        colors: A colour for each dot, (G,).
        xlabel: The name of the cost, with its unit.
        ylabel: The name of the score, with its unit.
        yscale: "linear" from 0, or "log" for many guides of which some are far away.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit, or a cost that is not positive.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = Figure().add_subplot()
        >>> ax = plots.fidelity(["Delta", "MeanField"], [1.2, 3.4], [0.9, 0.3], 0.05, ax=ax)
        >>> sorted(text.get_text() for text in ax.texts)
        ['Delta', 'MeanField', 'reference against itself']
    """
    names = list(names)
    x = as_array(costs, "costs", f"{len(names)}")
    y = as_array(scores, "scores", f"{len(names)}")
    if not (x > 0).all():
        raise ValueError(
            f"costs are {x.tolist()}; give numbers above 0, because the axis is logarithmic"
        )

    shades = canvas.colors(len(names)) if colors is None else colors

    ax = axis(ax)
    _set_cost_axis(ax, x)
    _set_score_axis(ax, y, floor, yscale)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if floor is not None:
        _draw_floor(ax, floor)

    for number, (cost, score, shade) in enumerate(zip(x, y, shades, strict=True)):
        ax.plot(
            cost,
            score,
            marker(number),
            color=shade,
            markersize=9,
            clip_on=False,
            zorder=3,
        )

    place_labels(ax, names, x, y)
    return ax


def _set_cost_axis(ax: Axes, costs: np.ndarray) -> None:
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())

    low, high = costs.min().item(), costs.max().item()
    pad = max((high / low) ** 0.15, 1.5)
    ax.set_xlim(low / pad, high * pad)


def _set_score_axis(
    ax: Axes, scores: np.ndarray, floor: float | None, yscale: str
) -> None:
    ax.set_yscale(yscale)
    finite = scores[np.isfinite(scores)].tolist()
    finite.append(floor or 0.0)
    if yscale == "log":
        positive = [score for score in finite if score > 0] or [1.0]
        ax.set_ylim(0.6 * min(positive), 1.5 * max(positive))
    else:
        ax.set_ylim(min(0.0, *finite), 1.1 * max(finite) or 1.0)


def _draw_floor(ax: Axes, floor: float) -> None:
    ax.axhspan(
        0,
        floor,
        color=canvas.GREY,
        alpha=0.25,
        linewidth=0,
    )
    text = ax.annotate(
        "reference against itself",
        xy=(0, floor),
        xytext=(4, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
    )
    text.set(
        ha="left",
        va="bottom",
        color=canvas.TEXT,
        fontsize="small",
    )
