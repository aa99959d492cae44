"""Sparsification: the error that is left, against the fraction of points that are removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import GREY, as_array, axis
from zoo.plots.curves import curve
from zoo.plots.legends import legend_inside

_Curve = Sequence[float] | Tensor


def sparsification(
    fractions: _Curve,
    errors: Mapping[str, _Curve],
    oracle: _Curve | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error that is left after the most uncertain points are removed.

    There is a line for each posterior; `metrics.sparsification` computes it. The grey
    dashed line is a random order. The dotted line is the oracle, which removes the
    largest errors first.

    References:
        Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow
        (Ilg, Çiçek, Galesso, Klein, Makansi, Hutter, Brox, 2018), figure 3

    Arguments:
        fractions: Fractions that are removed, (K,).
        errors: Errors that are left, relative to that of all points, (K,), by name.
        oracle: Errors that the oracle leaves, (K,); None for no line.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Curves of another length, or none.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = Figure().add_subplot()
        >>> plots.sparsification([0.0, 0.5], {"ours": [1.0, 0.6]}, [1.0, 0.3], ax=ax).get_ylabel()
        'RMSE of what is left, relative'
    """
    ax = axis(ax)
    removed = 100 * as_array(fractions, "fractions", "K")
    if not errors:
        raise ValueError("give the errors that at least one posterior leaves, by name")

    ax.axhline(1.0, color=GREY, linewidth=1, linestyle="--", label="at random")
    for number, (name, values) in enumerate(errors.items()):
        left = as_array(values, name, f"{len(removed)}")
        curve(ax, removed, left, number, label=name)

    if oracle is not None:
        best = as_array(oracle, "oracle", f"{len(removed)}")
        ax.plot(removed, best, color="black", linestyle=":", label="oracle")

    ax.set(
        xlabel="most uncertain points removed, %",
        ylabel="RMSE of what is left, relative",
        ylim=(0, None),
    )
    legend_inside(ax, fontsize="small")

    return ax
