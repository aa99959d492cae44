"""Out of distribution: histograms of uncertainty at inputs of the data's kind, and of another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import COLORS, numbers, sheet

BINS = 40


def out_of_distribution(
    inside: Mapping[str, Tensor],
    outside: Mapping[str, Tensor],
    *,
    auroc: Mapping[str, float] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a panel for each measure of uncertainty, with its histogram inside and outside the data.

    Heights are shares of the inputs, on a logarithmic axis: most inputs inside have
    next to none.

    Arguments:
        inside: Uncertainty at inputs of the data's kind, (N,), by the measure's name.
        outside: The same at inputs of another kind, (M,).
        auroc: How well each measure tells the two apart, for the titles.
        figure: An empty figure to draw on; a new one without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> inside, outside = {"entropy": torch.rand(50)}, {"entropy": 1 + torch.rand(50)}
        >>> figure = plots.out_of_distribution(inside, outside, auroc={"entropy": 1.0}, figure=Figure())
        >>> figure.axes[0].get_title()
        'AUROC 1.000'
    """
    if not inside or inside.keys() != outside.keys():
        raise ValueError(
            f"inside has {sorted(inside)}, outside {sorted(outside)}; give both the same measures."
        )
    figure = sheet(figure, (1.0 + 3.6 * len(inside), 3.4))
    panels = figure.subplots(1, len(inside), squeeze=False)[0]
    for ax, name in zip(panels, inside, strict=True):
        both = [numbers(values[name], name, "N") for values in (inside, outside)]
        edges = np.histogram_bin_edges(np.concatenate(both), BINS)
        for values, label, color in zip(
            both, ("inside", "outside"), COLORS, strict=False
        ):
            shares = np.histogram(values, edges)[0] / len(values)
            ax.stairs(shares, edges, color=color, fill=True, alpha=0.25)
            ax.stairs(shares, edges, color=color, label=label, linewidth=1.5)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set(
            yscale="log",
            xlabel=f"{name}{', nats' if name in NATS else ''}",
            ylim=(0.5 / max(map(len, both)), 1.5),
        )
        ax.set_title("" if auroc is None else f"AUROC {auroc[name]:.3f}")
    panels[0].set_ylabel("share of the inputs")
    panels[-1].legend(frameon=False)
    return figure


NATS = {"entropy", "mutual information"}
