"""Curves that differ by colour and by marker, so that every reader can tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from torch import Tensor

from zoo.plots.canvas import GREY, color_of, colors

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_MOST_MARKERS = 12  # of one curve


def marker(number: int) -> str:
    """Return a marker, so that pairs of colour and marker repeat after the 49th only."""
    return _MARKERS[(number + number // len(_MARKERS)) % len(_MARKERS)]


def curve(
    ax: Axes,
    x: Sequence[float] | np.ndarray | Tensor,
    y: Sequence[float] | np.ndarray | Tensor,
    number: int,
    *,
    label: str | None = None,
    dashed: bool = False,
    drawstyle: str = "default",
) -> Line2D:
    """Draw a curve that differs from others by its colour and by the markers on it.

    It returns the line.

    Arguments:
        ax: The axis.
        x: Places, (K,).
        y: Values, (K,); of many, some have a marker.
        number: Which curve it is of those that are drawn together, from 0.
        label: Its name for a legend.
        dashed: Whether to dash it and to leave its markers hollow.
        drawstyle: "default" for straight lines between values, or "steps-post".
    """
    color = color_of(number)
    every = math.ceil(len(x) / _MOST_MARKERS)
    first = number * every // len(_MARKERS) % every  # so that few lie on each other
    (line,) = ax.plot(x, y, color=color, label=label, drawstyle=drawstyle)
    line.set(marker=marker(number), markersize=5, markevery=(first, every))
    if dashed:
        line.set(linestyle="--", markerfacecolor="white")

    return line


def baselines(ax: Axes, firsts: Sequence[float], label: str) -> None:
    """Draw a dashed line at the first value of each curve: one in grey if they all agree.

    Arguments:
        ax: The axis.
        firsts: The first values, in the order of the curves.
        label: What the lines are, for the legend.
    """
    lowest = min(firsts)
    if max(firsts) == lowest:
        ax.axhline(lowest, color=GREY, linewidth=1, linestyle="--", label=label)
        return

    for color, first in zip(colors(len(firsts)), firsts, strict=True):
        ax.axhline(first, color=color, linewidth=0.8, linestyle="--")
    ax.plot([], [], color=GREY, linewidth=1, linestyle="--", label=label)
