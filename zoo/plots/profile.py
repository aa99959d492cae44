"""Profile: quantities along a line or a curve of weights, or along a distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zoo.plots.canvas import as_array, axis
from zoo.plots.curves import curve
from zoo.plots.legends import legend_inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor


def profile(
    t: Tensor | Sequence[float],
    curves: Mapping[str, Tensor | Sequence[float]],
    *,
    ylabel: str = "nats per datum",
    xlabel: str = "position t",
    ax: Axes | None = None,
) -> Axes:
    """Draw quantities along a line or a curve of weights, or along a distance.

    References:
        Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs (Garipov, Izmailov,
            Podoprikhin, Vetrov, Wilson, 2018)

    Arguments:
        t: Positions along the line, (T,).
        curves: Values at these positions, (T,), by name.
        ylabel: The name of the values.
        xlabel: The name of the positions.
        ax: The axis, by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit.

    Example:
        >>> from zoo import plots
        >>> plots.profile([0, 0.5, 1], {"line": [0.1, 2.0, 0.1]}).get_xlabel()
        'position t'
    """
    places = as_array(t, "t", "T")
    ax = axis(ax)
    for number, (name, values) in enumerate(curves.items()):
        heights = as_array(values, name, f"{len(places)}")
        curve(ax, places, heights, number, label=name)

    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend_inside(ax)

    return ax
