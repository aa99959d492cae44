"""Surface: a grid of values over a plane of weights, as contours or in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from zoo.plots.canvas import as_array, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure
    from torch import Tensor

_AXIS = "coordinate of the weights"
_NUM_LEVELS = 12
_UPPER = 0.9  # quantile of the values above which all have one colour
_TALLEST = 4.0  # times that, above the smallest value, in three dimensions


def surface(
    x: Tensor | Sequence[float],
    y: Tensor | Sequence[float],
    values: Tensor,
    *,
    points: Tensor | None = None,
    names: Sequence[str] = ("a", "b", "c"),
    draws: Tensor | None = None,
    label: str = "",
    solid: bool = False,
    figure: Figure | None = None,
) -> Figure:
    """Draw values over a plane as filled contours, or as a surface in three dimensions.

    Levels are evenly spaced on a log scale above the smallest value, with colours at equal
    steps; the highest tenth of the values has one colour, to which the end of the colour bar
    points. A surface in three dimensions is cut where it is more than four times as high as
    that, and its label says so.

    References:
        Visualizing the Loss Landscape of Neural Nets (Li, Xu, Taylor, Studer, Goldstein,
            2018)

    Arguments:
        x: Horizontal coordinates, (W,).
        y: Vertical coordinates, (H,).
        values: Values, (H, W).
        points: Coordinates of points to mark, (K, 2).
        names: Their names.
        draws: Coordinates of draws, small dots, (S, 2).
        label: The name of the values.
        solid: Whether to draw a surface in three dimensions.
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
    levels = levels_of(heights)

    figure = sheet(figure, (6.4, 5.0))
    if solid:
        _draw_solid(figure, right, up, heights, levels, label)
        return figure

    ax = figure.subplots()
    filled = draw_contours(ax, right, up, heights, levels)
    bar = figure.colorbar(filled, ax=ax, label=label)
    ticks = levels[::2]
    bar.set_ticks(ticks, labels=_distinct(ticks))
    bar.minorticks_off()
    if draws is not None:
        dots = as_array(draws, "draws", "S, 2")
        across, along = dots.T
        ax.scatter(across, along, s=9, color="white", edgecolor="black", linewidth=0.4)

    if points is not None:
        places = as_array(points, "points", "K, 2")
        ax.scatter(*places.T, color="white", edgecolor="black", zorder=3)
        for name, place in zip(names, places, strict=False):
            text = ax.annotate(
                name, place, (6, 6), textcoords="offset points", color="white"
            )
            text.set_path_effects([withStroke(linewidth=2, foreground="black")])

    ax.set(xlabel=_AXIS, ylabel=_AXIS)

    return figure


def draw_contours(
    ax: Axes, right: np.ndarray, up: np.ndarray, heights: np.ndarray, levels: np.ndarray
) -> ContourSet:
    """Draw filled contours between levels, and return what a colour bar takes."""
    norm = BoundaryNorm(levels, ncolors=256, extend="both")

    return ax.contourf(
        right, up, heights, levels, norm=norm, cmap="viridis", extend="both"
    )


def levels_of(heights: np.ndarray) -> np.ndarray:
    """Return levels above the smallest value, evenly spaced on a log scale."""
    finite = heights[np.isfinite(heights)]
    low = finite.min()
    high = np.quantile(finite, _UPPER)
    first = np.quantile(finite, 1 / _NUM_LEVELS) - low
    if not 0 < first < high - low:
        return np.linspace(low, max(high, low + 1e-6), _NUM_LEVELS)

    return low + np.geomspace(first, high - low, _NUM_LEVELS)


def _distinct(values: np.ndarray) -> list[str]:
    """Write numbers with as few digits, three or more, as tell them apart."""
    for digits in range(3, 9):
        texts = [f"{value:#.{digits}g}".rstrip(".") for value in values]
        if len(set(texts)) == len(texts):
            break

    return texts


def _draw_solid(
    figure: Figure,
    right: np.ndarray,
    up: np.ndarray,
    heights: np.ndarray,
    levels: np.ndarray,
    label: str,
) -> None:
    """Draw a surface in three dimensions, cut where it is far above the highest level."""
    low, high = levels[0], levels[-1]
    top = low + _TALLEST * (high - low)
    if not (heights <= top).all():
        heights = np.nan_to_num(heights, nan=top, posinf=top).clip(max=top)
        label = f"{label}, cut at {top:.3g}"

    norm = BoundaryNorm(np.append(levels, top), ncolors=256, extend="both")
    ax = figure.add_subplot(projection="3d")
    columns, rows = np.meshgrid(right, up)
    ax.plot_surface(columns, rows, heights, norm=norm, cmap="viridis", linewidth=0)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_major_locator(MaxNLocator(5))

    ax.set_xlabel(_AXIS, labelpad=8)
    ax.set_ylabel(_AXIS, labelpad=8)
    ax.set_zlabel(label.replace(", ", ",\n"), labelpad=14)
    ax.set_box_aspect(None, zoom=0.85)
