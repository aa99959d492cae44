"""Reliability diagram: the accuracy of a classifier against its confidence."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, as_array, axis

_TRANSPARENT = "40"  # alpha in hexadecimal


def reliability_diagram(
    confidence: Tensor, accuracy: Tensor, count: Tensor, *, ax: Axes | None = None
) -> Axes:
    r"""Draw accuracy against confidence in bins, with the gap shaded and the ECE as text.

    .. math:: \text{ECE} = \sum_b \frac{|B_b|}{N} \, |\text{accuracy}_b - \text{confidence}_b|

    The number of predictions in each bin is drawn below the axis, because a wide gap in
    a bin of three predictions is noise. `metrics.reliability` computes the arguments.

    References:
        On Calibration of Modern Neural Networks (Guo et al., 2017), arxiv.org/abs/1706.04599

    Arguments:
        confidence: Mean confidence of the predictions in each bin of equal width on
            [0, 1], (B,).
        accuracy: Fraction of them that is right, (B,).
        count: Number of them, (B,); a bin with 0 is not drawn, whatever its confidence
            and accuracy.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit, or no prediction.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> confidence, accuracy = torch.tensor([0.3, 0.9]), torch.tensor([0.4, 0.7])
        >>> ax = Figure().add_subplot()
        >>> ax = plots.reliability_diagram(confidence, accuracy, torch.tensor([10, 30]), ax=ax)
        >>> ax.texts[0].get_text()
        'ECE 0.175'
    """
    confidences = as_array(confidence, "confidence", "B")
    num_bins = len(confidences)
    accuracies = as_array(accuracy, "accuracy", f"{num_bins}")
    counts = as_array(count, "count", f"{num_bins}")
    if not counts.sum() > 0:
        raise ValueError(
            "count is zero in every bin; give the number of predictions in each bin, (B,)"
        )

    used = counts > 0
    centres = (np.arange(num_bins) + 0.5) / num_bins
    width = 0.94 / num_bins
    ax = axis(ax, (4.8, 5.0))
    _draw_bins(ax, centres[used], confidences[used], accuracies[used], width)
    gap = abs(confidences[used] - accuracies[used])
    ece = (counts[used] * gap).sum() / counts.sum()
    text = ax.text(0.03, 0.79, f"ECE {ece:.3f}", transform=ax.transAxes)
    text.set(fontsize="large", va="top")
    _draw_counts(ax, centres[used], counts[used], width)
    return ax


def _draw_bins(
    ax: Axes,
    centres: np.ndarray,
    confidences: np.ndarray,
    accuracies: np.ndarray,
    width: float,
) -> None:
    """Draw the accuracy of each bin, and its gap to the confidence."""
    gap = confidences - accuracies  # positive if the classifier is overconfident
    ax.bar(centres, accuracies, width, color=COLORS[0], label="accuracy")
    bars = ax.bar(centres, gap, width, bottom=accuracies, label="gap to confidence")
    for patch in bars:
        patch.set(facecolor=COLORS[1] + _TRANSPARENT, edgecolor=COLORS[1], linewidth=1)

    ax.plot(
        [0, 1],
        [0, 1],
        color="black",
        linestyle=":",
        linewidth=1,
    )
    ax.legend(loc="upper left", frameon=False)
    ax.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")


def _draw_counts(
    ax: Axes, centres: np.ndarray, counts: np.ndarray, width: float
) -> None:
    """Draw the number of predictions of each bin below the axis."""
    below = ax.inset_axes((0, -0.2, 1, 0.15), sharex=ax)
    below.bar(centres, counts, width, color="#BFBFBF")
    below.spines[["top", "right", "left"]].set_visible(False)
    below.set_yticks([])
    below.set_ylabel(
        "count",
        rotation=0,
        ha="right",
        va="center",
        color="#737373",
    )
    below.set_xlabel("confidence")
    ax.tick_params(labelbottom=False)
