"""Pruning: a score against the fraction of weights dropped, a line for each rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes

from zoo.plots.canvas import as_array, axis
from zoo.plots.curves import baselines, curve
from zoo.plots.legends import legend_inside


def pruning(
    fractions: Sequence[float],
    scores: Mapping[str, Sequence[float]],
    *,
    ylabel: str = "accuracy",
    ax: Axes | None = None,
) -> Axes:
    """Draw a score against the fraction of weights dropped.

    Arguments:
        fractions: Fractions dropped, (K,), from 0 to 1.
        scores: The score at each fraction, (K,), by the name of the rule.
        ylabel: The name of the score.
        ax: Axis to draw on; by default that of a new figure.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> scores = {"density at zero": [0.98, 0.98, 0.9]}
        >>> len(plots.pruning([0.0, 0.5, 0.9], scores, ax=Figure().add_subplot()).lines)
        2
    """
    ax = axis(ax)
    percent = 100 * as_array(torch.as_tensor(fractions), "fractions", "K")
    for number, (rule, values) in enumerate(scores.items()):
        heights = as_array(torch.as_tensor(values), rule, "K")
        curve(ax, percent, heights, number, label=rule)

    firsts = [float(values[0]) for values in scores.values()]
    baselines(ax, firsts, "all weights")
    ax.set(xlabel="weights dropped, %", ylabel=ylabel)
    legend_inside(ax)
    return ax
