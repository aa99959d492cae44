"""Reliability diagram: the accuracy of a classifier against its confidence."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from torch import Tensor

from zoo.plots.canvas import COLORS, TEXT, as_array, axis

_ACCURACY = COLORS[0]
_OVER = {"facecolor": COLORS[1] + "40", "edgecolor": COLORS[1], "hatch": "///"}
_UNDER = {"facecolor": COLORS[5], "edgecolor": COLORS[0], "hatch": "\\\\\\"}
_WIDE = 3.3  # inches of an axis from which the legend is one line
_TOP_OF_WIDE = 1.2  # of the axis, with room for the legend above the bars
_TOP_OF_NARROW = 1.5  # with room for one of three lines


def reliability_diagram(
    confidence: Tensor, accuracy: Tensor, count: Tensor, *, ax: Axes | None = None
) -> Axes:
    r"""Draw accuracy against confidence in bins, with the gap hatched and the ECE as text.

    .. math:: \text{ECE} = \sum_b \frac{|B_b|}{N} \, |\text{accuracy}_b - \text{confidence}_b|

    Where confidence is above accuracy, the gap is on top of the bar; where it is below, the
    gap is the upper part of the bar. The number of predictions in each bin is drawn below
    the axis, because a wide gap in a bin of three predictions is noise. `metrics.reliability`
    computes the arguments.

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
    top = ax.get_ylim()[1]
    ax.text(0.02, top - 0.03, f"ECE {ece:.3f}", fontsize="large", va="top")
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
    gap = confidences - accuracies
    ax.bar(centres, accuracies, width, color=_ACCURACY)
    bars = ax.bar(centres, gap, width, bottom=accuracies)
    for patch, is_over in zip(bars, gap > 0, strict=True):
        patch.set(**(_OVER if is_over else _UNDER))

    ax.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1.5)
    is_wide = ax.bbox.width / ax.figure.dpi > _WIDE
    top = _TOP_OF_WIDE if is_wide else _TOP_OF_NARROW
    ax.set(xlim=(0, 1), ylim=(0, top), ylabel="accuracy")
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.spines["left"].set_bounds(0, 1)
    ax.spines[["top", "right"]].set_visible(False)
    _write_legend(ax, ncols=3 if is_wide else 1)


def _write_legend(ax: Axes, ncols: int) -> None:
    """Write what the bars are above them, without a change of the layout of axes."""
    handles = [
        Patch(color=_ACCURACY, label="accuracy"),
        Patch(**_OVER, label="overconfident"),
        Patch(**_UNDER, label="underconfident"),
    ]
    legend = ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0 / ax.get_ylim()[1]),
        borderaxespad=0.1,
        ncols=ncols,
        frameon=False,
        fontsize="small",
        handlelength=1.4,
        columnspacing=1.0,
        labelspacing=0.2,
    )
    legend.set_in_layout(False)


def _draw_counts(
    ax: Axes, centres: np.ndarray, counts: np.ndarray, width: float
) -> None:
    """Draw the number of predictions of each bin below the axis."""
    below = ax.inset_axes((0, -0.2, 1, 0.15), sharex=ax)
    below.bar(centres, counts, width, color="#BFBFBF")
    below.spines[["top", "right", "left"]].set_visible(False)
    below.set_yticks([counts.max()])
    below.tick_params(axis="y", length=0, labelsize="small", labelcolor=TEXT)
    below.set_ylabel("count", color=TEXT, fontsize="small")
    below.set_xlabel("confidence")
    ax.tick_params(labelbottom=False)
