"""Referral: the score of the inputs that are kept, against the fraction that is referred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from zoo.plots.canvas import as_array, axis
from zoo.plots.curves import baselines, curve
from zoo.plots.legends import legend_inside


def referral(
    fractions: Sequence[float],
    scores: Mapping[str, Sequence[float]],
    *,
    ylabel: str = "accuracy of what is kept",
    ax: Axes | None = None,
) -> Axes:
    """Draw the score of the inputs that are kept, against the fraction referred to a human.

    There is a line for each rule or posterior. A dashed line is the score under random
    referral, that is, of all inputs: a grey one for rules of one posterior, and one in the
    colour of each posterior otherwise.

    References:
        Leveraging uncertainty information from deep neural networks for disease detection
            (Leibig, Allken, Ayhan, Berens, Wahl, 2017)

    Arguments:
        fractions: Fractions referred, (K,), beginning with 0.
        scores: The score of the inputs that are kept, (K,), by name.
        ylabel: The name of the score.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Fractions that do not begin with 0, or no scores.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> scores, ax = {"entropy": [0.9, 0.95, 0.97]}, Figure().add_subplot()
        >>> len(plots.referral([0.0, 0.1, 0.2], scores, ax=ax).lines)
        2
    """
    ax = axis(ax)
    referred = as_array(fractions, "fractions", "K")
    if not scores or referred[0] != 0:
        raise ValueError(
            "give fractions that begin with 0, and scores of at least one rule by its name"
        )

    firsts = [float(values[0]) for values in scores.values()]
    baselines(ax, firsts, "at random")
    for number, (name, values) in enumerate(scores.items()):
        kept = as_array(values, name, f"{len(referred)}")
        curve(ax, 100 * referred, kept, number, label=name)

    ax.set(xlabel="referred to a human, %", ylabel=ylabel)
    legend_inside(ax)
    return ax
