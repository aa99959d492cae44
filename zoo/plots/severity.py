"""Severity: accuracy and uncertainty of posteriors against the severity of a corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from zoo.plots.canvas import as_array, hide_frame, sheet
from zoo.plots.curves import curve
from zoo.plots.legends import legend_inside

_SCORES = ("accuracy", "entropy", "epistemic")


def severity(
    severities: Sequence[float],
    scores: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    xlabel: str = "severity",
    figure: Figure | None = None,
) -> Figure:
    """Draw accuracy and entropy against severity; the epistemic part of entropy is dashed.

    The uncertainty of a good posterior grows as fast as its accuracy falls.

    References:
        Can You Trust Your Model's Uncertainty? Evaluating Predictive Uncertainty Under
            Dataset Shift (Ovadia, Fertig, Ren, Nado, Sculley, Nowozin, Dillon,
            Lakshminarayanan, Snoek, 2019)

    Arguments:
        severities: Severities of the corruption, (K,).
        scores: "accuracy", "entropy" and "epistemic" at each severity, (K,) each, by
            the name of the posterior; entropies in nats.
        xlabel: The name of the severity.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: No scores, or shapes that do not fit.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> scores = {"accuracy": [0.9, 0.5], "entropy": [0.2, 1.0], "epistemic": [0.1, 0.6]}
        >>> figure = plots.severity([0, 90], {"MeanField": scores}, figure=Figure())
        >>> [ax.get_ylabel() for ax in figure.axes]
        ['accuracy', 'entropy, nats']
    """
    if not scores:
        raise ValueError(
            "scores is empty; give those of at least one posterior, by its name"
        )

    figure = sheet(figure, (9.0, 3.8))
    left, right = figure.subplots(1, 2, sharex=True)
    places = as_array(severities, "severities", "K")
    for number, (name, found) in enumerate(scores.items()):
        curves = {}
        for score in _SCORES:
            values = found[score]
            curves[score] = as_array(values, f"{score} of {name}", f"{len(places)}")

        curve(left, places, curves["accuracy"], number, label=name)
        curve(right, places, curves["entropy"], number)
        curve(right, places, curves["epistemic"], number, dashed=True)

    for ax, ylabel in ((left, "accuracy"), (right, "entropy, nats")):
        hide_frame(ax)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.set_ylim(bottom=0)

    left.set_ylim(top=1.02)
    for style, label in (("-", "total"), ("--", "epistemic")):
        right.plot([], [], style, color="black", label=label)

    legend_inside(left)
    legend_inside(right)
    return figure
