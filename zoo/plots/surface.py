"""Surface: a grid of values over a plane of weights, as contours or in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.canvas import as_array, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

_AXIS = "coordinate of the weights"
_NUM_LEVELS = 12
_UPPER = 0.9  # quantile of the values above which all have one colour


def surface(
    x: Tensor | Sequence[float],
    y: Tensor | Sequence[float],
    values: Tensor,
    *,
    points: Tensor | None = None,
    names: Sequence[str] = ("a", "b", "c"),
    label: str = "",
    solid: bool = False,
    figure: Figure | None = None,
) -> Figure:
    """Draw values over a plane as filled contours, or as a surface in three dimensions.

    Levels are evenly spaced on a log scale above the smallest value; the highest tenth of the
    values has one colour.

    References:
        Visualizing the Loss Landscape of Neural Nets (Li, Xu, Taylor, Studer, Goldstein,
            2018)

    Arguments:
        x: Horizontal coordinates, (W,).
        y: Vertical coordinates, (H,).
        values: Values, (H, W).
        points: Coordinates of points to mark, (K, 2).
        names: Their names.
        label: The name of the values.
        solid: Whether to draw a surface in three dimensions, up to the highest level.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: Shapes that do not fit.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> grid = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
        >>> figure = plots.surface([0, 1], [0, 1], grid, label="loss", figure=Figure())
        >>> figure.axes[1].get_ylabel()
        'loss'
    """
    right = as_array(x, "x", "W")
    up = as_array(y, "y", "H")
    heights = as_array(values, "values", f"{len(up)}, {len(right)}")
    levels = _levels(heights)

    figure = sheet(figure, (6.4, 5.0))
    if solid:
        _draw_solid(figure, right, up, heights.clip(max=levels[-1]), label)
        return figure

    ax = figure.subplots()
    filled = ax.contourf(right, up, heights, levels, cmap="viridis", extend="both")
    figure.colorbar(filled, ax=ax, label=label, format="%.3g")
    if points is not None:
        places = as_array(points, "points", "K, 2")
        ax.scatter(*places.T, color="white", edgecolor="black", zorder=3)
        for name, place in zip(names, places, strict=False):
            ax.annotate(name, place, (6, 6), textcoords="offset points", color="white")

    ax.set(xlabel=_AXIS, ylabel=_AXIS)

    return figure


def _levels(heights: np.ndarray) -> np.ndarray:
    """Return levels above the smallest value, evenly spaced on a log scale."""
    finite = heights[np.isfinite(heights)]
    low = finite.min()
    high = np.quantile(finite, _UPPER)
    first = np.quantile(finite, 1 / _NUM_LEVELS) - low
    if not 0 < first < high - low:
        return np.linspace(low, max(high, low + 1e-6), _NUM_LEVELS)

    return low + np.geomspace(first, high - low, _NUM_LEVELS)


def _draw_solid(
    figure: Figure,
    right: np.ndarray,
    up: np.ndarray,
    heights: np.ndarray,
    label: str,
) -> None:
    """Draw a surface in three dimensions."""
    ax = figure.add_subplot(projection="3d")
    columns, rows = np.meshgrid(right, up)
    ax.plot_surface(columns, rows, heights, cmap="viridis", linewidth=0)
    ax.set(xlabel=_AXIS, ylabel=_AXIS, zlabel=label)
