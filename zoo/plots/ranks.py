"""Ranks: the distribution function of the ranks of simulation-based calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import GREY, as_array, axis, legend_above, shade
from zoo.plots.curves import curve


def ranks(
    ranks: Mapping[str, Tensor],
    num_samples: int,
    critical: float | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw how ranks of simulation-based calibration differ from uniform ones.

    .. math:: \hat F(r) - \frac{r + 1}{S + 1}

    A line that first rises above zero and then falls below it shows that the true value
    lies too often at the ends of the draws: the draws are too narrow.

    Arguments:
        ranks: Ranks (L,) from 0 to the number of draws, by quantity.
        num_samples: Number of draws S.
        critical: Half width of a band for all ranks together, in standard deviations of
            the distribution function; by default there is no band.
        ax: Axis to draw on; by default that of a new figure.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = Figure().add_subplot()
        >>> ax = plots.ranks({"f": torch.randint(100, (200,))}, 99, 3.0, ax=ax)
        >>> len(ax.lines), len(ax.collections)
        (2, 1)
    """
    ax = axis(ax)
    possible = np.arange(num_samples + 1)
    uniform = (possible + 1) / (num_samples + 1)
    num_ranks = 1
    for number, (name, values) in enumerate(ranks.items()):
        found = as_array(values, name, "L")
        num_ranks = len(found)
        empirical = (found[:, None] <= possible).mean(0)
        difference = empirical - uniform
        curve(ax, uniform, difference, number, label=name, drawstyle="steps-post")

    if critical is not None:
        std = np.sqrt(uniform * (1 - uniform) / num_ranks)
        half = critical * std
        shade(ax, uniform, -half, half, color=GREY, alpha=0.3)

    ax.axhline(0.0, color="black", linewidth=1)
    ax.set_xlabel("rank of the truth, as a fraction")
    ax.set_ylabel("distribution function less the uniform one")
    legend_above(ax, columns=4)
    ax.margins(x=0)
    return ax
