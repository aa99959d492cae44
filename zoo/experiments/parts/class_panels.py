"""The figure of classes with few data: error, epistemic uncertainty and referral of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.experiments.parts.class_scores import ClassPrediction
from zoo.experiments.running.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*d<>"


def draw_classes(
    run: Run,
    found: Mapping[str, Mapping[str, ClassPrediction]],
    compared: Sequence[str],
    fraction: float,
) -> None:
    """Draw three panels for each data set, whose classes go from the largest to the smallest.

    The middle panel has every prediction with draws that is not reweighted.

    Arguments:
        run: The run.
        found: Predictions by name, for each data set.
        compared: Names of the predictions whose error and referral are drawn.
        fraction: Fraction of the data that is referred by entropy.
    """
    title = "classes from the largest to the smallest, ± 2 standard errors"
    with run.report.panels(rows=len(found), columns=3, title=title) as axes:
        for row, (name, predictions) in zip(axes, found.items(), strict=True):
            error, epistemic, referred = row
            chosen = {key: predictions[key] for key in compared}
            for number, (key, each) in enumerate(chosen.items()):
                shares = 100.0 * each.referred(fraction, each.entropy)
                _draw(error, key, number, each, each.error)
                _draw(referred, key, number, each, shares)

            drawn = {k: each for k, each in predictions.items() if _is_drawn(k, each)}
            for number, (key, each) in enumerate(drawn.items()):
                _draw(epistemic, key, number, each, each.epistemic)

            _label(row, next(iter(predictions.values())))
            error.set(title=name, ylabel="error, %")
            epistemic.set(ylabel="epistemic uncertainty, nats", yscale="log")
            referred.set(ylabel=f"referred, {fraction:.0%} of all, %")
            epistemic.legend(frameon=False, fontsize="x-small")

        axes[0, 0].legend(frameon=False, fontsize="x-small")


def _is_drawn(name: str, prediction: ClassPrediction) -> bool:
    """Return whether a prediction has epistemic uncertainty, and is not reweighted."""
    return prediction.has_draws and not name.endswith("reweighted")


def _label(row: Sequence[Axes], prediction: ClassPrediction) -> None:
    """Write the number of training data of each class under the panels of a row."""
    task = prediction.task
    counts = [str(int(task.counts[label])) for label in task.order]
    for ax in row:
        ax.set_xticks(range(len(counts)), counts, rotation=45)
        ax.set_xlabel("training data of the class")


def _draw(
    ax: Axes, name: str, number: int, prediction: ClassPrediction, values: Tensor
) -> None:
    """Draw the mean of a value in each class, with two standard errors."""
    found = prediction.task.by_class(values)
    order = prediction.task.order
    places = torch.arange(len(order))
    bars = 2 * found.error[order].nan_to_num(0.0)
    style = {"marker": _MARKERS[number % len(_MARKERS)], "ms": 4, "lw": 1}
    ax.errorbar(places, found.mean[order], yerr=bars, label=name, **style)
