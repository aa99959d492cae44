"""Ranks: the distribution function of the ranks of simulation-based calibration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from torch import Tensor

from zoo.plots.canvas import GREY, as_array, axis, shade
from zoo.plots.curves import curve
from zoo.plots.legends import legend_inside


def ranks(
    ranks: Mapping[str, Tensor],
    num_samples: int,
    critical: float | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw how ranks of simulation-based calibration differ from uniform ones.

    .. math:: \hat F(r) - \frac{r + 1}{S + 1}

    A line that first rises above zero and then falls below it shows that the true value
    lies too often at the ends of the draws: the draws are too narrow. A cross marks each
    stretch of a line that is outside of the band, where it is farthest outside.

    Arguments:
        ranks: Ranks (L,) from 0 to the number of draws, by quantity.
        num_samples: Number of draws S.
        critical: Half width of a band for all ranks together, in standard deviations of
            the distribution function; by default there is no band.
        ax: Axis to draw on; by default that of a new figure.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = Figure().add_subplot()
        >>> ax = plots.ranks({"f": torch.randint(100, (200,))}, 99, 3.0, ax=ax)
        >>> len(ax.lines), len(ax.collections)
        (2, 1)
    """
    ax = axis(ax)
    possible = np.arange(num_samples + 1)
    uniform = (possible + 1) / (num_samples + 1)
    num_ranks = 1
    for number, (name, values) in enumerate(ranks.items()):
        found = as_array(values, name, "L")
        num_ranks = len(found)
        empirical = (found[:, None] <= possible).mean(0)
        difference = empirical - uniform
        curve(ax, uniform, difference, number, label=name, drawstyle="steps-post")

    if critical is not None:
        std = np.sqrt(uniform * (1 - uniform) / num_ranks)
        half = critical * std
        shade(ax, uniform, -half, half, color=GREY, alpha=0.3)
        _mark_outside(ax.lines[-len(ranks) :], half)

    ax.axhline(0.0, color="black", linewidth=1)
    ax.set_xlabel("rank of the truth, as a fraction")
    ax.set_ylabel("distribution function less the uniform one")
    legend_inside(ax, fontsize="small", ncols=2)
    ax.margins(x=0)
    return ax


def _mark_outside(lines: Iterable[Line2D], half: np.ndarray) -> None:
    """Put a cross on each stretch of a line outside of a band, which may be of one rank only."""
    for line in lines:
        x, difference = (np.asarray(values) for values in line.get_data())
        marked = _farthest_outside(np.abs(difference), half)
        if len(marked) and line.axes is not None:
            color = line.get_color()
            crosses = line.axes.plot(x[marked], difference[marked], "x", color=color)
            crosses[0].set(markersize=7, markeredgewidth=2)


def _farthest_outside(distance: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return the place of the largest distance in each stretch of them beyond the band."""
    is_outside = distance > half + 1e-9
    ends = np.flatnonzero(np.diff(is_outside)) + 1
    places = []
    for stretch in np.split(np.arange(len(distance)), ends):
        if is_outside[stretch[0]]:
            beyond = distance[stretch] - half[stretch]
            places.append(stretch[beyond.argmax()])

    return np.asarray(places, dtype=int)
