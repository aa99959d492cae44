"""Extrapolation: epistemic uncertainty against the distance from the data."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter
from torch import Tensor

from zoo.plots.canvas import GREY, as_array, axis
from zoo.plots.curves import curve
from zoo.plots.legends import legend_inside


def extrapolation(
    factors: Tensor,
    epistemic: Mapping[str, Tensor],
    prior: Tensor | None = None,
    *,
    ylabel: str = "epistemic standard deviation of f(x)",
    ax: Axes | None = None,
) -> Axes:
    """Draw epistemic uncertainty against the distance from the data, a line per posterior.

    Arguments:
        factors: Factors by which the inputs are moved away from their mean, (K,).
        epistemic: Epistemic uncertainty at each distance, (K,), by the name of the
            posterior.
        prior: That of the prior, (K,).
        ylabel: The name of the uncertainty, with its unit.
        ax: Axis to draw on; by default that of a new figure.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> factors, prior = torch.tensor([1.0, 4.0, 16.0]), torch.tensor([1.0, 2.0, 3.0])
        >>> ax = Figure().add_subplot()
        >>> len(plots.extrapolation(factors, {"NUTS": 0.5 * prior}, prior, ax=ax).lines)
        2
    """
    ax = axis(ax)
    distances = as_array(factors, "factors", "K")
    if prior is not None:
        values = as_array(prior, "prior", "K")
        ax.plot(
            distances,
            values,
            "--",
            color=GREY,
            linewidth=2,
            label="prior",
        )

    for number, (name, uncertainty) in enumerate(epistemic.items()):
        values = as_array(uncertainty, name, "K")
        curve(ax, distances, values, number, label=name)

    ax.set_xscale("log", base=2)
    ax.set_xticks(distances)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("distance from the mean input, times that of the data")
    ax.set_ylabel(ylabel)
    ax.set_ylim(bottom=0)
    legend_inside(ax)
    return ax
