"""Training curve: the loss of each step and its running mean."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, as_array, axis


def training_curve(
    losses: Tensor,
    *,
    window: int | None = None,
    label: str | None = None,
    color: str = COLORS[0],
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the loss -ELBO / N of each step as a thin line, and its running mean as a thick one.

    .. math:: \bar\ell_t = \frac{1}{w} \sum_{s = t-w+1}^{t} \ell_s

    The first losses of a fit are often a thousand times the last. The vertical range is
    that of 98 % of the steps after the first tenth, so that no single bad step sets it.
    If the curve starts above the range, a text says how high.

    Arguments:
        losses: Loss of each step in nats per datum, (T,); lower is better. The running
            mean ignores values that are not finite.
        window: Number of steps w in the running mean; by default T / 50. The first
            means are over fewer steps.
        label: Name for a legend.
        color: Any colour of matplotlib.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Losses that are not (T,), or a window below 1.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = plots.training_curve(1 / torch.arange(1.0, 101.0), ax=Figure().add_subplot())
        >>> ax.get_ylabel()
        'loss = −ELBO / N  (nats per datum)'
    """
    values = as_array(losses, "losses", "T")
    if window is None:
        window = max(1, len(values) // 50)

    if window < 1:
        raise ValueError(f"window is {window}; give a number of steps, 1 or more")

    smooth = _running_mean(values, min(window, len(values)))

    ax = axis(ax)
    steps = np.arange(1, len(values) + 1)
    ax.plot(
        steps,
        values,
        color=color,
        alpha=0.3,
        linewidth=0.6,
    )
    ax.plot(
        steps,
        smooth,
        color=color,
        linewidth=2,
        label=label,
    )
    ax.set(xlabel="step", ylabel="loss = −ELBO / N  (nats per datum)")  # noqa: RUF001
    ax.margins(x=0)
    _limit_range(ax, values)
    return ax


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last finite values at each step, NaN if there is none."""
    is_finite = np.isfinite(values)
    finite = np.where(is_finite, values, 0.0)
    totals = np.pad(finite, (window, 0)).cumsum()
    counts = np.pad(is_finite, (window, 0)).cumsum()

    total = totals[window:] - totals[:-window]
    count = counts[window:] - counts[:-window]
    mean = total / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def _limit_range(ax: Axes, losses: np.ndarray) -> None:
    """Set the vertical range by the losses after the first tenth of the steps."""
    late = losses[len(losses) // 10 :]
    settled = late[np.isfinite(late)]
    if len(settled) == 0:
        return

    low, high = np.quantile(settled, (0.01, 0.99))
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(low - pad, high + pad)
    if losses[0] > high + pad:
        text = f"first step: {losses[0]:.3g}"
        ax.annotate(
            text,
            xy=(0, 1.01),
            xycoords="axes fraction",
            va="bottom",
            color="#737373",
        )
