"""Severity: accuracy and uncertainty as inputs are corrupted more and more, of several posteriors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from zoo.plots.canvas import colors, numbers, sheet


def severity(
    severities: Sequence[float],
    scores: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    xlabel: str = "severity",
    figure: Figure | None = None,
) -> Figure:
    """Draw accuracy over severity, and beside it the entropy, with the part of it that is epistemic dashed.

    A posterior that knows what it does not know grows uncertain as fast as it loses
    accuracy.

    References:
        Can You Trust Your Model's Uncertainty? Evaluating Predictive Uncertainty Under Dataset Shift (Ovadia, Fertig,
        Ren, Nado, Sculley, Nowozin, Dillon, Lakshminarayanan, Snoek, 2019)

    Arguments:
        severities: How much inputs are corrupted, (K,).
        scores: "accuracy", "entropy" and "epistemic" at each severity, (K,) each, by
            the posterior's name; entropies in nats.
        xlabel: What severity is.
        figure: An empty figure to draw on; a new one without it.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> scores = {"accuracy": [0.9, 0.5], "entropy": [0.2, 1.0], "epistemic": [0.1, 0.6]}
        >>> figure = plots.severity([0, 90], {"MeanField": scores}, xlabel="degrees", figure=Figure())
        >>> [ax.get_ylabel() for ax in figure.axes]
        ['accuracy', 'entropy, nats']
    """
    if not scores:
        raise ValueError(
            "scores is empty; give those of one posterior at least, by its name."
        )
    figure = sheet(figure, (9.0, 3.8))
    left, right = figure.subplots(1, 2, sharex=True)
    place = numbers(severities, "severities", "K")
    for color, (name, found) in zip(colors(len(scores)), scores.items(), strict=True):
        lines = {
            score: numbers(found[score], f"{score} of {name}", f"{len(place)}")
            for score in SCORES
        }
        left.plot(place, lines["accuracy"], "o-", color=color, markersize=4, label=name)
        right.plot(place, lines["entropy"], "o-", color=color, markersize=4)
        right.plot(place, lines["epistemic"], "--", color=color)
    for ax, ylabel in ((left, "accuracy"), (right, "entropy, nats")):
        ax.spines[["top", "right"]].set_visible(False)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.set_ylim(bottom=0)
    left.set_ylim(top=1.02)
    right.plot([], [], "-", color="black", label="total")
    right.plot([], [], "--", color="black", label="epistemic")
    for ax in (left, right):
        ax.legend(frameon=False)
    return figure


SCORES = ("accuracy", "entropy", "epistemic")
