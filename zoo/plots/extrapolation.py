"""Extrapolation: doubt over the distance from the data, of posteriors beside their prior."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter
from torch import Tensor

from zoo.plots.canvas import TRUTH, axis, colors, numbers


def extrapolation(
    factors: Tensor,
    epistemic: Mapping[str, Tensor],
    prior: Tensor | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw doubt about the function over the distance from the data, one line for each posterior.

    Arguments:
        factors: How many times farther from their middle the inputs are, (K,).
        epistemic: Doubt at each distance, (K,), by the posterior's name.
        prior: The prior's, (K,).
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> factors, prior = torch.tensor([1.0, 4.0, 16.0]), torch.tensor([1.0, 2.0, 3.0])
        >>> len(plots.extrapolation(factors, {"NUTS": 0.5 * prior}, prior, ax=Figure().add_subplot()).lines)
        2
    """
    ax = axis(ax)
    place = numbers(factors, "factors", "K")
    if prior is not None:
        ax.plot(
            place,
            numbers(prior, "prior", "K"),
            "--",
            color=TRUTH,
            linewidth=2,
            label="prior",
        )
    for color, (name, values) in zip(
        colors(len(epistemic)), epistemic.items(), strict=True
    ):
        ax.plot(place, numbers(values, name, "K"), "o-", color=color, label=name)
    ax.set_xscale("log", base=2)
    ax.set_xticks(place)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set(
        xlabel="times as far from the middle as the data",
        ylabel="doubt about the function",
    )
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax
