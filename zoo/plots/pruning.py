"""Pruning: a score over the fraction of weights dropped, one line for each rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes

from zoo.plots.canvas import TRUTH, axis, colors, numbers


def pruning(
    fractions: Sequence[float],
    scores: Mapping[str, Sequence[float]],
    *,
    ylabel: str = "accuracy",
    ax: Axes | None = None,
) -> Axes:
    """Draw a score over the fraction of weights dropped.

    Arguments:
        fractions: Fractions dropped, (K,), from 0 to 1.
        scores: The score at each of them, (K,), by the rule's name.
        ylabel: What the score is called.
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> lines = {"density at zero": [0.98, 0.98, 0.9]}
        >>> len(plots.pruning([0.0, 0.5, 0.9], lines, ax=Figure().add_subplot()).lines)
        2
    """
    ax = axis(ax)
    place = numbers(torch.as_tensor(fractions), "fractions", "K")
    for color, (rule, values) in zip(colors(len(scores)), scores.items(), strict=True):
        line = numbers(torch.as_tensor(values), rule, "K")
        ax.plot(100 * place, line, "o-", color=color, label=rule, markersize=4)
    ax.axhline(
        float(next(iter(scores.values()))[0]),
        color=TRUTH,
        linewidth=1,
        linestyle="--",
        label="all weights",
    )
    ax.set(xlabel="weights dropped, %", ylabel=ylabel)
    ax.legend(frameon=False)
    return ax
