"""Spectrum: how many eigenvalues of a curvature are above each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoo.plots.canvas import COLORS, GREY, as_array, axis
from zoo.plots.legends import legend_inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor


def spectrum(
    eigenvalues: Tensor | Sequence[float],
    ranks: Tensor | Sequence[float],
    alpha: float,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw positive eigenvalues against their ranks, and the precision of the prior.

    The data determine directions whose eigenvalues are above the precision. Both axes are
    logarithmic; the label says how many eigenvalues are negative.

    References:
        Rethinking Parameter Counting in Deep Models: Effective Dimensionality Revisited
            (Maddox, Benton, Wilson, 2020)

    Arguments:
        eigenvalues: Eigenvalues, the largest first, (K,).
        ranks: How many eigenvalues are at least as large, (K,).
        alpha: Precision of the prior.
        ax: The axis, by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit.

    Example:
        >>> from zoo import plots
        >>> plots.spectrum([10.0, 1.0], [1, 2], alpha=1.0).get_ylabel()
        'eigenvalue, nats'
    """
    values = as_array(eigenvalues, "eigenvalues", "K")
    places = as_array(ranks, "ranks", f"{len(values)}")
    is_positive = values > 0
    number = places[-1] - places[is_positive].max(initial=0)
    others = f"; {number:,.0f} are negative" if number >= 1 else ""

    ax = axis(ax)
    ax.plot(
        places[is_positive], values[is_positive], "o-", color=COLORS[0], markersize=3
    )
    ax.axhline(alpha, color=GREY, linestyle="--", label="precision of the prior")
    ax.set(xlabel=f"rank{others}", ylabel="eigenvalue, nats")
    ax.set(xscale="log", yscale="log")
    legend_inside(ax)

    return ax
