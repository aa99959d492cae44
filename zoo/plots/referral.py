"""Referral: a score of what is kept over the fraction that a human looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from zoo.plots.canvas import TRUTH, axis, colors, numbers


def referral(
    fractions: Sequence[float],
    scores: Mapping[str, Sequence[float]],
    *,
    ylabel: str = "accuracy of what is kept",
    ax: Axes | None = None,
) -> Axes:
    """Draw a score of the inputs that are kept over the fraction referred, one line for each rule or posterior.

    The grey line is what referring at random would leave: the first line's score of all
    inputs.

    References:
        Leveraging uncertainty information from deep neural networks for disease detection (Leibig, Allken, Ayhan,
        Berens, Wahl, 2017)

    Arguments:
        fractions: Fractions referred, (K,), beginning with 0.
        scores: The score of what is kept, (K,), by name.
        ylabel: What the score is called.
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = plots.referral([0.0, 0.1, 0.2], {"entropy": [0.9, 0.95, 0.97]}, ax=Figure().add_subplot())
        >>> len(ax.lines)
        2
    """
    ax = axis(ax)
    place = numbers(fractions, "fractions", "K")
    if not scores or place[0] != 0:
        raise ValueError(
            "give fractions that begin with 0, and the scores of one rule at least, by its name."
        )
    ax.axhline(
        float(next(iter(scores.values()))[0]),
        color=TRUTH,
        linewidth=1,
        linestyle="--",
        label="at random",
    )
    for color, (name, values) in zip(colors(len(scores)), scores.items(), strict=True):
        ax.plot(
            100 * place,
            numbers(values, name, f"{len(place)}"),
            "o-",
            color=color,
            markersize=4,
            label=name,
        )
    ax.set(xlabel="referred to a human, %", ylabel=ylabel)
    ax.legend(frameon=False)
    return ax
