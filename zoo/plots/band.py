"""Predictive band: the median of a function of one input, and a shade for each level."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import (
    COLORS,
    as_array,
    axis,
    draw_observed,
    name_axes,
    shade,
)
from zoo.plots.legends import legend_inside

_OPACITIES = (0.22, 0.4, 0.5)  # the widest first, which lies under the others
_NEEDED = (
    "a band needs either draws, or mean and std; "
    "write predictive_band(x, draws=draws) or predictive_band(x, mean, std)"
)


def predictive_band(
    x: Tensor,
    mean: Tensor | None = None,
    std: Tensor | None = None,
    *,
    draws: Tensor | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    observed: tuple[Tensor, Tensor] | None = None,
    label: str | None = None,
    color: str = COLORS[0],
    linestyle: str = "-",
    xlabel: str = "x",
    ylabel: str = "f(x)",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the median of a function of one input, and a shade for each central level.

    .. math:: [\,q_{(1-\text{level})/2}(x),\; q_{(1+\text{level})/2}(x)\,]

    The quantiles are those of the draws, or of N(mean, std) at each input. Draws of
    function values show the epistemic uncertainty; draws of y show the noise as well.
    A new figure has a legend with the levels; on an axis of yours, `ax.legend()` writes it.

    Arguments:
        x: Inputs on the horizontal axis, in increasing order, (N,).
        mean: Mean at each input, (N,); used with std, instead of draws.
        std: Standard deviation at each input, (N,), not the variance.
        draws: Draws of the function, or of y, at each input, (S, N).
        levels: Probability inside each shade, between 0 and 1.
        observed: Data to draw as points, x and y, each (N',).
        label: Name for a legend; by default the median and the levels are named.
        color: Any colour of matplotlib.
        linestyle: The style of the median, so that two bands differ by more than colour.
        xlabel: The name of the input, with its unit, unless the axis has one.
        ylabel: The name of the values, with their unit, unless the axis has one.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit, levels outside (0, 1), or both draws and
            moments.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> x = torch.linspace(-1, 1, 20)
        >>> ax = plots.predictive_band(x, draws=torch.randn(50, 20), ax=Figure().add_subplot())
        >>> len(ax.collections), len(ax.lines)
        (2, 1)
    """
    inputs = as_array(x, "x", "N")
    probabilities = _probabilities(levels)
    if draws is None:
        curves = _normal_quantiles(probabilities, len(inputs), mean, std)
    else:
        curves = _quantiles_of_draws(probabilities, len(inputs), mean, std, draws)

    median = curves[0]
    lower, upper = curves[1::2], curves[2::2]

    is_new = ax is None
    ax = axis(ax)
    widest_first = sorted(levels, reverse=True)
    for rank, level in enumerate(widest_first):
        name = f"{100 * level:g} %" if label is None else None
        shade(
            ax,
            inputs,
            lower[rank],
            upper[rank],
            color=color,
            alpha=_OPACITIES[min(rank, 2)],
            label=name,
        )

    name = "median" if label is None else label
    ax.plot(inputs, median, color=color, linewidth=2, linestyle=linestyle, label=name)
    if observed is not None:
        draw_observed(ax, observed)

    name_axes(ax, xlabel, ylabel)
    if is_new or ax.get_legend() is not None:
        legend_inside(ax, title=_title(widest_first) if label else None)

    ax.margins(x=0)
    return ax


def _title(levels: Sequence[float]) -> str:
    """Say what is drawn of each posterior, for the legend."""
    shades = [f"{100 * level:g} %" for level in reversed(levels)]
    return ", ".join(["median", *shades])


def _probabilities(levels: Sequence[float]) -> list[float]:
    """Return one half, and then the two probabilities of each level, the widest first."""
    widest_first = sorted(levels, reverse=True)
    if not widest_first or not 0 < min(widest_first) <= max(widest_first) < 1:
        raise ValueError(
            f"levels are {widest_first}; give probabilities between 0 and 1, e.g. (0.5, 0.9)"
        )

    probabilities = [0.5]
    for level in widest_first:
        probabilities.append((1 - level) / 2)
        probabilities.append((1 + level) / 2)
    return probabilities


def _quantiles_of_draws(
    probabilities: list[float],
    size: int,
    mean: Tensor | None,
    std: Tensor | None,
    draws: Tensor,
) -> np.ndarray:
    """Return the quantiles of draws at each input, (1 + 2 levels, N)."""
    if mean is not None or std is not None:
        raise ValueError(_NEEDED)

    values = as_array(draws, "draws", f"S, {size}")
    return np.quantile(values, probabilities, axis=0)


def _normal_quantiles(
    probabilities: list[float], size: int, mean: Tensor | None, std: Tensor | None
) -> np.ndarray:
    """Return the quantiles of N(mean, std) at each input, (1 + 2 levels, N)."""
    if mean is None or std is None:
        raise ValueError(_NEEDED)

    loc = as_array(mean, "mean", f"{size}")
    scale = as_array(std, "std", f"{size}")
    standard = NormalDist()
    z = np.array([standard.inv_cdf(probability) for probability in probabilities])
    return loc + scale * z[:, None]
