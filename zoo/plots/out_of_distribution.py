"""Out of distribution: histograms of uncertainty inside and outside the data distribution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import COLORS, as_array, hide_frame, sheet, with_unit

_NUM_BINS = 40


def out_of_distribution(
    inside: Mapping[str, Tensor],
    outside: Mapping[str, Tensor],
    *,
    auroc: Mapping[str, float] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a panel for each measure of uncertainty, with two histograms.

    Heights are fractions of the inputs. Their axis is logarithmic, because most inputs
    inside the data distribution have almost no uncertainty.

    Arguments:
        inside: Uncertainty at inputs from the data distribution, (N,), by the name of
            the measure.
        outside: The same at inputs from another distribution, (M,).
        auroc: How well each measure separates the two, for the titles.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: No measure, or different ones.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> inside, outside = {"entropy": torch.rand(50)}, {"entropy": 1 + torch.rand(50)}
        >>> auroc = {"entropy": 1.0}
        >>> figure = plots.out_of_distribution(inside, outside, auroc=auroc, figure=Figure())
        >>> figure.axes[0].get_title()
        'AUROC 1.000'
    """
    if not inside or inside.keys() != outside.keys():
        raise ValueError(
            f"inside has {sorted(inside)}, outside {sorted(outside)}; give the same measures"
        )

    figure = sheet(figure, (1.0 + 3.6 * len(inside), 3.4))
    panels = figure.subplots(1, len(inside), squeeze=False, sharey=True)[0]
    for ax, name in zip(panels, inside, strict=True):
        near = as_array(inside[name], name, "N")
        far = as_array(outside[name], name, "N")
        _draw_histograms(ax, near, far)
        ax.set_xlabel(with_unit(name))
        ax.set_title("" if auroc is None else f"AUROC {auroc[name]:.3f}")

    panels[0].set_ylabel("share of the inputs")
    panels[0].legend(frameon=False, fontsize="small", ncols=2, loc="upper right")
    return figure


def _draw_histograms(ax: Axes, inside: np.ndarray, outside: np.ndarray) -> None:
    together = np.concatenate([inside, outside])
    edges = np.histogram_bin_edges(together, _NUM_BINS)
    parts = (
        (inside, "inside", COLORS[0], "-"),
        (outside, "outside", COLORS[1], "--"),
    )
    for values, label, color, line in parts:
        counts, _ = np.histogram(values, edges)
        shares = counts / len(values)
        ax.stairs(
            shares,
            edges,
            color=color,
            fill=True,
            alpha=0.25,
        )
        ax.stairs(
            shares,
            edges,
            color=color,
            label=label,
            linestyle=line,
            linewidth=1.5,
        )

    half_an_input = 0.5 / max(len(inside), len(outside))
    hide_frame(ax)
    ax.set_yscale("log")
    ax.set_ylim(half_an_input, 1.5)
