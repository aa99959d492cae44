"""The picture of a card: how far a prediction is calibrated on the test part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from zoo import metrics, plots
from zoo.datasets import Dataset
from zoo.hub.scores import Scored
from zoo.plots.canvas import COLORS, GREY, hide_frame
from zoo.predictive.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEVELS = torch.linspace(0.05, 0.95, 19)


def calibration(scored: Scored, data: Dataset) -> Figure:
    """Draw a reliability diagram of classes, or the coverage of intervals of all levels.

    Arguments:
        scored: The scores of the test part, with its prediction.
        data: The data set.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.8), layout="constrained")
    ax = figure.add_subplot()
    hide_frame(ax)
    if scored.reliability is not None:
        plots.reliability_diagram(*scored.reliability, ax=ax)
    elif scored.prediction is not None:
        _draw_coverage(scored.prediction, data, ax)

    return figure


def _draw_coverage(prediction: Prediction, data: Dataset, ax: Axes) -> None:
    """Draw the share of targets inside central intervals against the level of these."""
    targets = data.test.y
    shares = []
    for level in _LEVELS.tolist():
        lower, upper = prediction.interval(level)
        shares.append(float(metrics.coverage(lower.cpu(), upper.cpu(), targets)))

    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="calibrated")
    ax.plot(
        _LEVELS, shares, color=COLORS[0], marker="o", markersize=3, label="posterior"
    )
    ax.set_xlabel("level of the central interval")
    ax.set_ylabel("share of test targets inside")
    ax.legend(frameon=False)
