"""Error and uncertainty of fits by their number of epochs, and the figure of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.experiments.running.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class UncertaintyPoint:
    """What a fit of some epochs has reached.

    Arguments:
        epochs: Number of epochs.
        error: Test error in per cent.
        aleatoric: Aleatoric uncertainty, a variance of the one-hot label.
        epistemic: Epistemic uncertainty, a variance of the one-hot label.
    """

    epochs: float
    error: float
    aleatoric: float
    epistemic: float

    def row(self) -> dict[str, float]:
        """Return the point as a row of a table."""
        return {
            "epochs": self.epochs,
            "error %": self.error,
            "aleatoric": self.aleatoric,
            "epistemic": self.epistemic,
        }


def draw_uncertainty_curve(
    report: Report,
    points: Sequence[UncertaintyPoint],
    published: UncertaintyPoint,
    twin: tuple[float, float],
) -> None:
    """Draw error and uncertainties over epochs.

    Arguments:
        report: The report, which gets the figure.
        points: The Bayesian fits.
        published: The published Bayesian fit.
        twin: Epochs and error of the frequentist twin.
    """
    with report.panels(columns=2, title=report.result.name) as axes:
        left, right = axes[0]
        _draw_errors(left, points, published, twin)
        _draw_uncertainties(right, points, published)

        for ax in (left, right):
            ax.set_xlabel("epochs of a fit")
            ax.legend(frameon=False)


def _draw_errors(
    ax: Axes,
    points: Sequence[UncertaintyPoint],
    published: UncertaintyPoint,
    twin: tuple[float, float],
) -> None:
    """Draw the errors of the Bayesian fits and of the frequentist twin."""
    epochs = [point.epochs for point in points]
    errors = [point.error for point in points]
    ax.plot(epochs, errors, "o-", label="Bayesian")

    twin_epochs, twin_error = twin
    ax.plot(twin_epochs, twin_error, "s", color="grey", label="frequentist")
    ax.plot(published.epochs, published.error, "k^", label="published, Bayesian")
    ax.set_ylabel("test error, %")


def _draw_uncertainties(
    ax: Axes, points: Sequence[UncertaintyPoint], published: UncertaintyPoint
) -> None:
    """Draw the aleatoric and the epistemic uncertainty of the Bayesian fits."""
    epochs = [point.epochs for point in points]

    from zoo.plots.curves import curve

    for number, kind in enumerate(("aleatoric", "epistemic")):
        values = [getattr(point, kind) for point in points]
        line = curve(ax, epochs, values, number, label=kind)

        color = line.get_color()
        theirs = getattr(published, kind)
        label = f"{kind}, published"
        marker = "^" if kind == "aleatoric" else "v"
        ax.plot(published.epochs, theirs, marker, color=color, label=label)

    ax.set_yscale("log")
    ax.set_ylabel("variance of the one-hot label")
