"""The figure of classes with few data: error, epistemic uncertainty and referral of each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.experiments.parts.class_scores import ClassPrediction
from zoo.experiments.running.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*d<>"


def draw_classes(
    run: Run, found: Mapping[str, Mapping[str, ClassPrediction]], fraction: float
) -> None:
    """Draw three panels for each data set, whose classes go from the largest to the smallest.

    Arguments:
        run: The run.
        found: Predictions by name, for each data set.
        fraction: Fraction of the data that is referred by entropy.
    """
    title = "classes from the largest to the smallest"
    with run.report.panels(rows=len(found), columns=3, title=title) as axes:
        for row, (name, predictions) in zip(axes, found.items(), strict=True):
            error, epistemic, referred = row
            for number, (key, prediction) in enumerate(predictions.items()):
                marker = _MARKERS[number % len(_MARKERS)]
                task = prediction.task
                shares = 100.0 * prediction.referred(fraction, prediction.entropy)
                _draw(error, key, prediction, prediction.error, marker)
                _draw(referred, key, prediction, shares, marker)
                if prediction.has_draws:
                    _draw(epistemic, key, prediction, prediction.epistemic, marker)

            counts = [str(int(task.counts[label])) for label in task.order]
            for ax in row:
                ax.set_xticks(range(len(counts)), counts, rotation=45)
                ax.set_xlabel("training data of the class")

            error.set(title=name, ylabel="error, %")
            epistemic.set(ylabel="epistemic uncertainty, nats", yscale="log")
            referred.set(ylabel=f"of the class referred, %, {fraction:.0%} of all")

        axes[0, 0].legend(frameon=False, fontsize="x-small")


def _draw(
    ax: Axes, name: str, prediction: ClassPrediction, values: Tensor, marker: str
) -> None:
    """Draw the mean of a value in each class, with two standard errors."""
    found = prediction.task.by_class(values)
    order = prediction.task.order
    places = torch.arange(len(order))
    bars = 2 * found.error[order].nan_to_num(0.0)
    ax.errorbar(places, found.mean[order], yerr=bars, marker=marker, ms=4, label=name)
