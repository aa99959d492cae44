"""The figure of `zoo fit`: the losses, and the predictions at the test inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from zoo import metrics, plots
from zoo.datasets import Dataset
from zoo.plots.canvas import COLORS, hide_frame
from zoo.plots.legends import legend_inside
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_fit(posterior: Posterior, prediction: Prediction, data: Dataset) -> Figure:
    """Draw the losses, if the engine has any, and what is predicted for the test part."""
    from matplotlib import pyplot as plt

    losses = getattr(posterior.info, "losses", ())
    has_losses = len(losses) > 0  # not with a sampler, or before the first step
    num_panels = 2 if has_losses else 1
    figure, axes = plt.subplots(
        1,
        num_panels,
        figsize=(5 * num_panels, 4.2),
        layout="constrained",
        squeeze=False,
    )
    for panel in axes.flat:
        hide_frame(panel)
    if has_losses:
        plots.training_curve(losses, ax=axes[0, 0])

    ax = axes[0, -1]
    x, y = data.test
    has_one_input = x.shape[1:].numel() == 1
    if prediction.has_classes:
        reliability = metrics.reliability(prediction.probs.cpu(), y)
        plots.reliability_diagram(*reliability, ax=ax)
    elif has_one_input and y.shape[-1] == 1:
        _draw_band(posterior, len(prediction.outputs), data, ax)
    else:
        _draw_intervals(prediction, data, ax)
    return figure


def _draw_band(posterior: Posterior, num_samples: int, data: Dataset, ax: Axes) -> None:
    """Draw the predictive band along the one input, with the training data."""
    x, y = data.train
    low, high = float(x.min()), float(x.max())
    margin = 0.3 * (high - low)
    line = torch.linspace(low - margin, high + margin, 150)

    functions = posterior.predict(line.unsqueeze(-1), num_samples).functions[..., 0]
    plots.predictive_band(line, draws=functions, observed=(x[:, 0], y[:, 0]), ax=ax)
    legend_inside(ax, fontsize="small")


def _draw_intervals(prediction: Prediction, data: Dataset, ax: Axes) -> None:
    """Draw predictive means and intervals against the targets, in original units."""
    original = data.in_original_units(prediction)
    target = data.y_units.restore(data.test.y)
    mean = original.mean.cpu()
    low, high = original.interval(0.9)

    below = (mean - low.cpu()).clamp_min(0)[:, 0]
    above = (high.cpu() - mean).clamp_min(0)[:, 0]
    ax.errorbar(
        target[:, 0],
        mean[:, 0],
        yerr=torch.stack([below, above]),
        fmt=".",
        color=COLORS[0],
        elinewidth=0.5,
    )
    middle = float(target.mean())
    ax.axline((middle, middle), slope=1, color="black", linestyle=":", linewidth=1)
    ax.set_xlabel("target, original units")
    ax.set_ylabel("prediction, mean and 90 % interval")
