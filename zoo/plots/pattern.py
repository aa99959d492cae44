"""Pattern: a mask beside the quantities that a plane of weights has at its cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from zoo.plots.canvas import as_array, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

_WIDE = 20  # ratio of values from which on the scale is logarithmic


def pattern(
    mask: Tensor,
    grids: Mapping[str, Tensor],
    *,
    figure: Figure | None = None,
) -> Figure:
    """Draw a mask, and beside it grids of its shape, each over the whole range of its values.

    A narrower range of colours would hide cells whose loss is neither low nor high.

    References:
        Loss Landscape Sightseeing with Multi-Point Optimization (Skorokhodov, Burtsev, 2019)

    Arguments:
        mask: The picture, 1 where values are to be low, (H, W).
        grids: Values at its cells, (H, W), by name; what follows a comma in the name is the
            unit, the label of the colours.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: Shapes that do not fit.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> figure = plots.pattern(torch.eye(3), {"loss": 2 - torch.eye(3)}, figure=Figure())
        >>> len(figure.axes)  # the mask, the loss and its colours
        3
    """
    picture = as_array(mask, "mask", "H, W")
    shape = ", ".join(map(str, picture.shape))

    figure = sheet(figure, (1.2 + 3.6 * (1 + len(grids)), 3.6))
    axes = figure.subplots(1, 1 + len(grids))
    cells(axes[0], 1 - picture, "mask", colors=False)
    for ax, (name, values) in zip(axes[1:], grids.items(), strict=True):
        cells(ax, as_array(values, name, shape), name)

    return figure


def cells(ax: Axes, values: np.ndarray, title: str, *, colors: bool = True) -> None:
    """Draw a grid of values as cells, on a log scale if they differ by orders of magnitude.

    Arguments:
        ax: The axis.
        values: The values, (H, W).
        title: Their name.
        colors: Whether to draw the scale of the colours too.
    """
    low, high = float(values.min()), float(values.max())
    norm = "log" if 0 < low < high / _WIDE else "linear"
    image = ax.imshow(values, cmap="viridis", norm=norm)
    name, _, unit = title.partition(", ")
    if colors:
        plain = ScalarFormatter()
        bar = ax.figure.colorbar(image, ax=ax, label=unit, format=plain)
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
        if norm == "log":
            bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))

    ax.set_title(name)
    ax.set_xticks([])
    ax.set_yticks([])
