"""Training curve: the loss of each step, and a running mean the eye can follow."""

import torch
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

    The first losses of a fit are often a thousand times the last. The vertical range is that of
    the running mean after the first tenth and of 98 % of the steps there; where the curve starts
    above it, the picture says how high.

    Arguments:
        losses: Loss of each step in nats per datum, lower is better, (T,); the running mean
            leaves out what is not finite.
        window: Steps w in the running mean; T / 50 without it. The first steps average what is there.
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
    step = torch.arange(1, len(losses) + 1)
    ax.plot(step, losses, color=color, alpha=0.3, linewidth=0.6)
    ax.plot(step, smooth, color=color, linewidth=2, label=label)
    ax.set(xlabel="step", ylabel="loss = −ELBO / N  (nats per datum)")  # noqa: RUF001
    ax.margins(x=0)
    _clip(ax, losses, smooth)
    return ax


def _running_mean(values: Tensor, window: int) -> Tensor:
    finite = values.isfinite()
    total = torch.nn.functional.pad(values.where(finite, 0.0), (window, 0)).cumsum(0)
    held = torch.nn.functional.pad(finite.double(), (window, 0)).cumsum(0)
    return (total[window:] - total[:-window]) / (held[window:] - held[:-window])


def _clip(ax: Axes, losses: Tensor, smooth: Tensor) -> None:
    late = slice(len(losses) // 10, None)
    settled = losses[late][losses[late].isfinite()]
    if not len(settled):
        return
    low, high = settled.quantile(torch.tensor([0.01, 0.99], dtype=settled.dtype)).tolist()
    steady = smooth[late][smooth[late].isfinite()]
    if len(steady):
        low, high = min(low, steady.min().item()), max(high, steady.max().item())
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(low - pad, high + pad)
    first = losses[0].item()
    if first > high + pad:
        text = f"first step: {first:.3g}"
        ax.annotate(text, (0.01, 1), xycoords="axes fraction", va="top", color="#737373")
