"""Ranks: the distribution function of each quantity's ranks less the uniform one, with bands for all together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import TRUTH, axis, colors, numbers


def ranks(
    ranks: Mapping[str, Tensor],
    num_samples: int,
    critical: float | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw how ranks of simulation-based calibration differ from uniform ones.

    .. math:: \hat F(r) - \frac{r + 1}{S + 1}

    A line that first rises above zero and then falls below it has the truth too often
    at the ends: the draws are too narrow.

    Arguments:
        ranks: Ranks (L,) from 0 to the number of draws, by quantity.
        num_samples: Number of draws S.
        critical: Half width of the band, in standard deviations of the distribution
            function; without it no band.
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = plots.ranks({"f": torch.randint(100, (200,))}, 99, 3.0, ax=Figure().add_subplot())
        >>> len(ax.lines), len(ax.collections)
        (2, 1)
    """
    ax = axis(ax)
    place = np.arange(num_samples + 1)
    expected = (place + 1) / (num_samples + 1)
    number = 1
    for color, (name, values) in zip(colors(len(ranks)), ranks.items(), strict=True):
        values = numbers(values, name, "L")
        number = len(values)
        below = (values[:, None] <= place).mean(0)
        ax.plot(
            expected, below - expected, drawstyle="steps-post", color=color, label=name
        )
    if critical is not None:
        half = critical * np.sqrt(expected * (1 - expected) / number)
        ax.fill_between(expected, -half, half, color=TRUTH, alpha=0.3, linewidth=0)
    ax.axhline(0.0, color="black", linewidth=1)
    ax.set(
        xlabel="rank of the truth, as a fraction",
        ylabel="distribution function less the uniform one",
    )
    ax.legend(frameon=False, fontsize="small", ncols=2)
    ax.margins(x=0)
    return ax
