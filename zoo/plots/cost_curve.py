"""Cost curves: the mean cost of an answer, against the price of asking a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import GREY, as_array, axis
from zoo.plots.curves import curve
from zoo.plots.legends import legend_inside

_REFERENCES = {"machine alone": "--", "person alone": ":", "at best": "-."}


def cost_curve(
    prices: Tensor | Sequence[float],
    costs: Mapping[str, Tensor | Sequence[float]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean cost of an answer against the price of asking a person, a line for each name.

    Lines that are called "machine alone", "person alone" and "at best" are grey.

    References:
        Predict Responsibly: Improving Fairness and Accuracy by Learning to Defer (Madras,
            Pitassi, Zemel, 2018)

    Arguments:
        prices: Prices of asking, (K,), in errors.
        costs: Mean costs of an answer, (K,), in errors, by name.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: No costs, or shapes that do not fit.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> costs = {"machine alone": [0.1, 0.1], "policy": [0.05, 0.1]}
        >>> len(plots.cost_curve([0.0, 0.1], costs, ax=Figure().add_subplot()).lines)
        2
    """
    ax = axis(ax)
    places = as_array(prices, "prices", "K")
    if not costs:
        raise ValueError(
            "costs is empty; give those of at least one policy, by its name"
        )

    number = 0
    for name, values in costs.items():
        heights = as_array(values, name, f"{len(places)}")
        if name in _REFERENCES:
            ax.plot(places, heights, _REFERENCES[name], color=GREY, label=name)
        else:
            curve(ax, places, heights, number, label=name)
            number += 1

    ax.set(xlabel="price of asking, errors", ylabel="mean cost of an answer, errors")
    legend_inside(ax)
    return ax
