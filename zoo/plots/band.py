"""Predictive band: the median of a function along a line, and the shades that hold most of it."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, axis, numbers


def predictive_band(
    line: Tensor,
    mean: Tensor | None = None,
    std: Tensor | None = None,
    *,
    draws: Tensor | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    observed: tuple[Tensor, Tensor] | None = None,
    label: str | None = None,
    color: str = COLORS[0],
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the median of a function along a line and a shade for each central level.

    .. math:: [\,q_{(1-\text{level})/2}(x),\; q_{(1+\text{level})/2}(x)\,]

    The quantiles are those of the draws, or of N(mean, std) at each point of the line.
    Draws of function values show what is not known of the function; draws of y show the
    noise as well.

    Arguments:
        line: Positions along the line, in increasing order, (N,).
        mean: Mean at each position, (N,); with std, in place of draws.
        std: Standard deviation at each position, (N,), not the variance.
        draws: Draws of the function, or of y, at each position, (S, N).
        levels: Probabilities inside each shade, between 0 and 1.
        observed: Data to lay on top, x and y, each (N',).
        label: Name for a legend.
        color: Any colour of matplotlib.
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> line = torch.linspace(-1, 1, 20)
        >>> ax = plots.predictive_band(line, draws=torch.randn(50, 20), ax=Figure().add_subplot())
        >>> len(ax.collections), len(ax.lines)
        (2, 1)
    """
    line = numbers(line, "line", "N")
    levels = sorted(levels, reverse=True)
    if not levels or not 0 < min(levels) <= max(levels) < 1:
        raise ValueError(
            f"levels are {levels}; give probabilities between 0 and 1, as (0.5, 0.9)."
        )
    sides = [(1 + sign * level) / 2 for level in levels for sign in (-1, 1)]
    edges = _quantiles([0.5, *sides], len(line), mean, std, draws)  # (1 + 2 levels, N)

    ax = axis(ax)
    for low, high in zip(edges[1::2], edges[2::2], strict=True):  # the widest first
        ax.fill_between(line, low, high, color=color, alpha=0.25, linewidth=0)
    ax.plot(line, edges[0], color=color, linewidth=2, label=label)
    if observed is not None:
        x = numbers(observed[0], "observed x", "N")
        y = numbers(observed[1], "observed y", f"{len(x)}")
        ax.plot(x, y, ".", color="black", markersize=4, zorder=3)
    ax.margins(x=0)
    return ax


def _quantiles(
    probabilities: list[float],
    size: int,
    mean: Tensor | None,
    std: Tensor | None,
    draws: Tensor | None,
) -> np.ndarray:
    if (draws is None) == (mean is None) or (mean is None) != (std is None):
        raise ValueError(
            "A band needs draws=, or mean and std together, and not both; "
            "write predictive_band(line, draws=draws) or predictive_band(line, mean, std)."
        )
    if draws is not None:
        return np.quantile(numbers(draws, "draws", f"S, {size}"), probabilities, axis=0)
    mean, std = numbers(mean, "mean", f"{size}"), numbers(std, "std", f"{size}")
    z = np.array([NormalDist().inv_cdf(p) for p in probabilities])
    return mean + std * z[:, None]
