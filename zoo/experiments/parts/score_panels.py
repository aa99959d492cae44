"""The figure of error and NLL, a row for each prediction."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.experiments.running.run import Run

_LABELS = {"error %": "test error, %", "nll": "NLL, nats"}


def draw_scores(run: Run, highlighted: Sequence[str]) -> None:
    """Draw error and NLL of every prediction, with two standard errors.

    Arguments:
        run: The run.
        highlighted: The names of the predictions in another colour.
    """
    from zoo.plots.canvas import COLORS

    title = run.experiment.name
    with run.report.panels(columns=2, title=title, share="row") as axes:
        for ax, score in zip(axes[0], _LABELS, strict=True):
            for name, scores in run.result.scores.items():
                is_highlighted = name in highlighted
                color = COLORS[1] if is_highlighted else COLORS[0]
                marker = "s" if is_highlighted else "o"
                number = scores[score]
                bar = number.two_errors
                ax.errorbar(number.value, name, xerr=bar, fmt=marker, color=color)

            ax.set_xlabel(f"{_LABELS[score]}, ± 2 standard errors")
