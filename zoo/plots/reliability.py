"""Reliability diagram: is a classifier right as often as it says?"""

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, axis, numbers


def reliability_diagram(
    confidence: Tensor, accuracy: Tensor, count: Tensor, *, ax: Axes | None = None
) -> Axes:
    r"""Draw accuracy against confidence, bin by bin, with the gap shaded and the ECE written in.

    .. math:: \text{ECE} = \sum_b \frac{|B_b|}{N} \, |\text{accuracy}_b - \text{confidence}_b|

    Below the axis stands how many predictions fall into each bin: a wide gap in a bin
    of three predictions is noise. What the numbers are comes from
    `metrics.reliability`.

    References:
        On Calibration of Modern Neural Networks (Guo et al., 2017), arxiv.org/abs/1706.04599

    Arguments:
        confidence: Mean confidence of the predictions in each bin of equal width on [0,
            1], (B,).
        accuracy: Part of them that is right, (B,).
        count: How many there are, (B,); bins with 0 are left empty, whatever else they
            hold.
        ax: Axis to draw on; a new figure without it.

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
    confidence = numbers(confidence, "confidence", "B")
    bins = len(confidence)
    accuracy = numbers(accuracy, "accuracy", f"{bins}")
    count = numbers(count, "count", f"{bins}")
    if not count.sum() > 0:
        raise ValueError(
            "count is zero in every bin; give the number of predictions in each, (B,)."
        )

    used = count > 0
    centre = ((np.arange(bins) + 0.5) / bins)[used]
    confidence, accuracy = confidence[used], accuracy[used]
    gap = confidence - accuracy  # positive where the classifier is too sure
    error = (count[used] * abs(gap)).sum() / count.sum()

    ax = axis(ax, (4.8, 5.0))
    ax.bar(centre, accuracy, 0.94 / bins, color=COLORS[0], label="accuracy")
    ax.bar(
        centre, gap, 0.94 / bins, bottom=accuracy, label="gap to confidence",
        facecolor="#D55E0040", edgecolor=COLORS[1], linewidth=1,
    )  # fmt: skip
    ax.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1)
    ax.text(
        0.03,
        0.79,
        f"ECE {error:.3f}",
        transform=ax.transAxes,
        fontsize="large",
        va="top",
    )
    ax.legend(loc="upper left", frameon=False)
    ax.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    _counts(ax, centre, count[used], 0.94 / bins)
    return ax


def _counts(ax: Axes, centre: np.ndarray, count: np.ndarray, width: float) -> None:
    below = ax.inset_axes((0, -0.2, 1, 0.15), sharex=ax)
    below.bar(centre, count, width, color="#BFBFBF")
    below.spines[["top", "right", "left"]].set_visible(False)
    below.set_yticks([])
    below.set_ylabel("count", rotation=0, ha="right", va="center", color="#737373")
    below.set_xlabel("confidence")
    ax.tick_params(labelbottom=False)
