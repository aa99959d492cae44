"""Training curve: the loss of each step, and a running mean the eye can follow."""

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, axis, numbers


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
    that of 98 % of the steps after the first tenth, in which no single bad step counts;
    where the curve starts above it, the picture says how high.

    Arguments:
        losses: Loss of each step in nats per datum, lower is better, (T,); the running
            mean leaves out what is not finite.
        window: Steps w in the running mean; T / 50 without it. The first steps average
            what is there.
        label: Name for a legend.
        color: Any colour of matplotlib.
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = plots.training_curve(1 / torch.arange(1.0, 101.0), ax=Figure().add_subplot())
        >>> ax.get_ylabel()
        'loss = −ELBO / N  (nats per datum)'
    """
    losses = numbers(losses, "losses", "T")
    window = max(1, len(losses) // 50) if window is None else window
    if window < 1:
        raise ValueError(f"window is {window}; give a number of steps, 1 or more.")
    smooth = _running_mean(losses, min(window, len(losses)))

    ax = axis(ax)
    step = np.arange(1, len(losses) + 1)
    ax.plot(step, losses, color=color, alpha=0.3, linewidth=0.6)
    ax.plot(step, smooth, color=color, linewidth=2, label=label)
    ax.set(xlabel="step", ylabel="loss = −ELBO / N  (nats per datum)")  # noqa: RUF001
    ax.margins(x=0)
    _clip(ax, losses)
    return ax


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    finite = np.isfinite(values)
    total = np.pad(np.where(finite, values, 0.0), (window, 0)).cumsum()
    held = np.pad(finite, (window, 0)).cumsum()
    steps = held[window:] - held[:-window]
    mean = (total[window:] - total[:-window]) / np.maximum(steps, 1)
    return np.where(steps > 0, mean, np.nan)


def _clip(ax: Axes, losses: np.ndarray) -> None:
    late = len(losses) // 10
    settled = losses[late:][np.isfinite(losses[late:])]
    if not len(settled):
        return
    low, high = np.quantile(settled, (0.01, 0.99))
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(low - pad, high + pad)
    if losses[0] > high + pad:
        text = f"first step: {losses[0]:.3g}"
        ax.annotate(
            text, (0, 1.01), xycoords="axes fraction", va="bottom", color="#737373"
        )
