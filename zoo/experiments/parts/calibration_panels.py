"""The figure of NLL over calibration error, a point for each prediction."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.experiments.running.run import Run

_MARKERS = "osD^vPX*"  # one more than colours, so that no point is like another


def draw_nll_over_ece(run: Run, panels: Mapping[str, Mapping[str, str]]) -> None:
    """Draw NLL and calibration error of predictions, with two standard errors.

    Arguments:
        run: The run.
        panels: For each title of a panel, the names of predictions by their labels, which
            are those of the first panel's legend.
    """
    title = run.experiment.name
    with run.report.panels(columns=len(panels), title=title) as axes:
        for ax, (heading, names) in zip(axes[0], panels.items(), strict=True):
            for number, (label, name) in enumerate(names.items()):
                ece, nll = run.scores[name]["ece"], run.scores[name]["nll"]
                ax.errorbar(
                    ece.value,
                    nll.value,
                    xerr=ece.two_errors,
                    yerr=nll.two_errors,
                    fmt=_MARKERS[number % len(_MARKERS)],
                    label=label,
                )

            ax.set(
                title=heading,
                xlabel="calibration error, ± 2 standard errors",
                ylabel="NLL, nats",
            )

        axes[0, 0].legend(frameon=False, fontsize="small")
