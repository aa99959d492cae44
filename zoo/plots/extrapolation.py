"""Extrapolation: epistemic uncertainty against the distance from the data."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter
from torch import Tensor

from zoo.plots.canvas import GREY, as_array, axis, colors


def extrapolation(
    factors: Tensor,
    epistemic: Mapping[str, Tensor],
    prior: Tensor | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw epistemic uncertainty against the distance from the data, a line per posterior.

    Arguments:
        factors: Factors by which the inputs are moved away from their mean, (K,).
        epistemic: Epistemic uncertainty at each distance, (K,), by the name of the
            posterior.
        prior: That of the prior, (K,).
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

    shades = colors(len(epistemic))
    for color, (name, uncertainty) in zip(shades, epistemic.items(), strict=True):
        values = as_array(uncertainty, name, "K")
        ax.plot(distances, values, "o-", color=color, label=name)

    ax.set_xscale("log", base=2)
    ax.set_xticks(distances)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("times as far from the middle as the data")
    ax.set_ylabel("epistemic uncertainty of the function")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax
