"""The figure of connected fits: training loss and test error along lines, NLL of predictions."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.experiments.running.run import Run
from zoo.landscape import Line

_PER_CENT = 100
_ROOM = 100  # above the curves, for the legend


def draw_connections(run: Run, lines: Mapping[str, Line], title: str) -> None:
    """Draw training loss and test error along lines and curves, and the NLL of predictions.

    Arguments:
        run: The run.
        lines: Profiles of lines and curves by name.
        title: The title of the figure.
    """
    from zoo.plots.curves import curve

    with run.report.panels(columns=3, title=title) as axes:
        losses, errors, predictions = axes[0]
        for number, (name, line) in enumerate(lines.items()):
            is_copy = "copy" in name
            curve(losses, line.t, line.loss, number, label=name, dashed=is_copy)
            assert line.test_error is not None
            error = _PER_CENT * line.test_error
            curve(errors, line.t, error, number, dashed=is_copy)

        for ax, label in ((losses, "training loss, nats"), (errors, "test error, %")):
            ax.set(yscale="log", xlabel="position t", ylabel=label)

        losses.set_ylim(top=_ROOM * losses.get_ylim()[1])
        losses.legend(frameon=False, fontsize="x-small", loc="upper center")
        for name, scores in run.result.scores.items():
            nll = scores["nll"]
            predictions.errorbar(nll.value, name, xerr=nll.two_errors, fmt="o")

        predictions.set(xlabel="NLL, nats, ± 2 standard errors")
