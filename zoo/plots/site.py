"""Site posterior: draws of a weight or a node, with those of its prior."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.distributions import Distribution

from zoo.plots.canvas import GREY, axis, colors
from zoo.plots.entries import (
    Index,
    chosen_entries,
    entry_label,
    prior_values_of,
    values_of_entries,
)
from zoo.plots.legends import legend_above

_MOST_HISTOGRAMS = 3
_ENDS = (0.05, 0.95)  # of a 90 % interval
_LINES = ("-", "--", ":")  # of the histograms
_TRANSPARENT = "40"  # alpha in hexadecimal


def site_posterior(
    draws: Tensor,
    prior: Tensor | Distribution | None = None,
    *,
    entries: Sequence[Index] | None = None,
    name: str = "",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw histograms of up to three entries of a site, or means and 90 % intervals of more.

    .. math:: \text{interval} = [\,q_{0.05},\; q_{0.95}\,]

    Histograms are densities: each has area 1. The prior is grey: a density behind the
    histograms, or a wide bar behind the intervals. If the interval of an entry is that
    of its prior, the data have no information about it.

    Arguments:
        draws: Draws of the site, (S, ...); weights, or the z of a node prior.
        prior: Draws of the prior, (S', ...) with the shape of the site, or (S',) if all
            entries share it; or the distribution itself, from which 4,000 draws are
            taken without use of the global random state.
        entries: Which entries to show, as indices such as 3 or (0, 2); by default all,
            or twelve at even distances of a larger site.
        name: Name of the site, for the labels.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit, or an entry that is not in the site.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> prior = torch.distributions.Normal(0.0, 1.0)
        >>> draws, ax = 0.1 * torch.randn(200, 5, 2), Figure().add_subplot()
        >>> ax = plots.site_posterior(draws, prior, name="0.weight", ax=ax)
        >>> [label.get_text() for label in ax.get_yticklabels()][:2]
        ['0.weight[0, 0]', '0.weight[0, 1]']
    """
    shape = tuple(torch.as_tensor(draws).shape[1:])
    indices = chosen_entries(shape, entries)
    values = values_of_entries(draws, "draws", "S", indices)  # (S, E)
    prior_values = None
    if prior is not None:
        prior_values = prior_values_of(prior, shape, indices)  # (S', E)

    labels = [entry_label(name, index) for index in indices]

    if len(indices) <= _MOST_HISTOGRAMS:
        ax = axis(ax)
        _draw_histograms(ax, values, prior_values, labels)
        ax.set_xlabel(name or "value")
    else:
        ax = axis(ax, (6.4, 1.2 + 0.24 * len(indices)))
        _draw_intervals(ax, values, prior_values, labels)
        number = math.prod(shape)
        some = f", {len(indices)} of {number:,} entries"
        ax.set_xlabel((name or "value") + (some if len(indices) < number else ""))
    return ax


def _draw_histograms(
    ax: Axes, values: np.ndarray, prior: np.ndarray | None, labels: list[str]
) -> None:
    if prior is not None:
        # one density, because entries that are shown together mostly share their prior
        first = prior[:, 0]
        limits = np.quantile(first, (0.005, 0.995))  # of a prior with heavy tails
        counts, edges = np.histogram(first, bins=50, range=tuple(limits))
        density = counts / len(first) / np.diff(edges)
        ax.stairs(
            density,
            edges,
            fill=True,
            color=GREY,
            alpha=0.35,
            label="prior",
        )

    num_bins = min(40, 2 + math.isqrt(len(values)))
    shades = colors(len(labels))
    for column, label, color, line in zip(
        values.T, labels, shades, _LINES, strict=False
    ):
        ax.hist(
            column,
            bins=num_bins,
            density=True,
            histtype="stepfilled",
            facecolor=color + _TRANSPARENT,
            edgecolor=color,
            linestyle=line,
            linewidth=1.2,
            label=label,
        )

    ax.set(ylabel="density", ylim=(0, None))
    ax.legend(frameon=False)


def _draw_intervals(
    ax: Axes, values: np.ndarray, prior: np.ndarray | None, labels: list[str]
) -> None:
    rows = np.arange(len(labels))
    if prior is not None:
        _draw_prior_intervals(ax, rows, prior)

    color = colors(1)[0]
    low, high = np.quantile(values, _ENDS, axis=0)
    ax.hlines(
        rows,
        low,
        high,
        color=color,
        linewidth=2,
        label="posterior, 90 %",
    )
    ax.plot(
        values.mean(0),
        rows,
        "o",
        color=color,
        markersize=4,
        label="mean",
    )

    ax.set_yticks(rows, labels)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    legend_above(ax)


def _draw_prior_intervals(ax: Axes, rows: np.ndarray, prior: np.ndarray) -> None:
    low, high = np.quantile(prior, _ENDS, axis=0)
    ax.barh(
        rows,
        high - low,
        0.8,
        left=low,
        color=GREY,
        alpha=0.25,
        label="prior, 90 %",
    )
