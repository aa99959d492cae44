"""Comparison: the bands of several guides over those of a reference, and their fidelity."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import GREY, TEXT, as_array, colors, observed_points, shade
from zoo.plots.panels import label_panels, panel_layout
from zoo.plots.trade_off import fidelity

_PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
_COLOR_WITHOUT_PANEL = "#404040"
_TITLE = "Grey: the reference, 50 % and 90 % of its draws.  Colour: a guide, median and 90 %."
_FARTHEST = (
    1.0  # of the vertical range beyond the reference, in heights of the reference
)


def comparison(
    x: Tensor,
    reference: Tensor,
    bands: Mapping[str, Tensor],
    seconds: Mapping[str, float],
    scores: Mapping[str, float],
    floor: float | None = None,
    xlabel: str = "x",
    ylabel: str = "f(x)",
    *,
    observed: tuple[Tensor, Tensor] | None = None,
    score: str = "distance from the reference",
    figure: Figure | None = None,
) -> Figure:
    r"""Draw a panel for each guide, its band over the reference's, and fidelity against time.

    .. math:: [\,q_{0.05}(x), q_{0.95}(x)\,] \text{ of the guide, and of the reference in grey}

    All panels share their axes. Their vertical range is that of the reference and of all guides,
    up to twice the height of the reference, so that one guide far away from it does not
    flatten the others. A note says how far such a guide reaches.

    Arguments:
        x: Inputs on the horizontal axis, in increasing order, (N,).
        reference: Draws of the function at each input from HMC or NUTS, (S, N).
        bands: Draws of each guide, (S, N), in the order of the panels.
        seconds: Time of each fit in seconds.
        scores: Distance of each guide from the reference; lower is closer.
        floor: The score of the reference against itself.
        xlabel: The name of the input.
        ylabel: The name of the function.
        observed: Data to draw as points, x and y, each (N',).
        score: The name of the scores.
        figure: An empty figure to draw on; by default a new one, as wide as a slide.

    Raises:
        ValueError: Shapes that do not fit, or names that differ.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> x, reference = torch.linspace(-1, 1, 30), torch.randn(40, 30)
        >>> bands = {"Delta": torch.zeros(2, 30), "MeanField": 0.5 * torch.randn(40, 30)}
        >>> seconds, scores = {"Delta": 1, "MeanField": 3}, {"Delta": 0.8, "MeanField": 0.4}
        >>> figure = plots.comparison(x, reference, bands, seconds, scores, 0.1, figure=Figure())
        >>> [ax.get_title(loc="left") for ax in figure.axes[:2]]
        ['Delta', 'MeanField']
    """
    inputs = as_array(x, "x", "N")
    shape = f"S, {len(inputs)}"
    grey = _quantiles(reference, "reference", shape)
    coloured = {}
    for name, band in bands.items():
        coloured[name] = _quantiles(band, f"bands[{name!r}]", shape)

    _check_names(bands.keys(), seconds.keys(), scores.keys())
    points = None if observed is None else observed_points(observed)

    layout = panel_layout(len(bands), figure)
    layout.figure.suptitle(_TITLE, x=0.01, ha="left", color=TEXT)
    shades = dict(zip(bands, colors(len(bands)), strict=True))
    for ax, (name, quantiles) in zip(layout.panels, coloured.items(), strict=True):
        _draw_bands(ax, inputs, grey, quantiles, shades[name])
        if points is not None:
            _draw_observed(ax, *points)

        ax.set_title(name, loc="left", fontweight="bold")

    limits = _limits(grey, list(coloured.values()))
    layout.panels[0].set(xlim=(inputs[0], inputs[-1]), ylim=limits)
    for ax, quantiles in zip(layout.panels, coloured.values(), strict=True):
        _note_what_is_outside(ax, quantiles, limits)

    label_panels(layout, xlabel, ylabel)

    fidelity(
        list(scores),
        [seconds[name] for name in scores],
        list(scores.values()),
        floor,
        colors=[shades.get(name, _COLOR_WITHOUT_PANEL) for name in scores],
        ylabel=score,
        ax=layout.last,
    )
    return layout.figure


def _check_names(
    bands: Collection[str], seconds: Collection[str], scores: Collection[str]
) -> None:
    if not bands:
        raise ValueError("bands is empty; give draws (S, N) of at least one guide")

    same_names = set(seconds) == set(scores)
    all_scored = set(bands) <= set(scores)
    if not same_names or not all_scored:
        raise ValueError(
            f"bands has {sorted(bands)}, seconds {sorted(seconds)}, scores {sorted(scores)}; "
            "give seconds and scores the same names, and among them every name of bands"
        )


def _quantiles(draws: Tensor, name: str, shape: str) -> np.ndarray:
    """Return the five quantiles of draws at each input, (5, N)."""
    values = as_array(draws, name, shape)
    return np.quantile(values, _PROBABILITIES, axis=0)


def _draw_bands(
    ax: Axes, x: np.ndarray, reference: np.ndarray, guide: np.ndarray, color: str
) -> None:
    """Draw the quantiles (5, N) of a reference in grey, and those of a guide in colour."""
    lowest, lower, _, upper, highest = reference
    shade(ax, x, lowest, highest, color=GREY, alpha=0.3)
    shade(ax, x, lower, upper, color=GREY, alpha=0.5)

    lowest, _, median, _, highest = guide
    shade(ax, x, lowest, highest, color=color, alpha=0.25)
    for edge in (lowest, highest):
        ax.plot(x, edge, color=color, linewidth=1)

    ax.plot(x, median, color=color, linewidth=2)


def _draw_observed(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    dots = ax.plot(x, y, ".", color="black", zorder=3)
    dots[0].set(alpha=0.7, markersize=2.5)


def _limits(reference: np.ndarray, guides: list[np.ndarray]) -> tuple[float, float]:
    """Return the vertical limits, from quantiles (5, N) of the reference and of the guides."""
    low = np.quantile(reference[0], 0.05)
    high = np.quantile(reference[-1], 0.95)
    height = (high - low) or 1.0

    lowest = min(guide[0].min() for guide in guides)
    highest = max(guide[-1].max() for guide in guides)
    bottom = np.clip(lowest, low - _FARTHEST * height, low - 0.15 * height)
    top = np.clip(highest, high + 0.15 * height, high + _FARTHEST * height)
    pad = 0.05 * height
    return float(bottom - pad), float(top + pad)


def _note_what_is_outside(
    ax: Axes, guide: np.ndarray, limits: tuple[float, float]
) -> None:
    """Say how far the band of a guide, quantiles (5, N), reaches outside of the limits."""
    low, high = float(guide[0].min()), float(guide[-1].max())
    parts = []
    if low < limits[0]:
        parts.append(f"down to {low:.2g}")
    if high > limits[1]:
        parts.append(f"up to {high:.2g}")

    if parts:
        text = ax.text(0.02, 0.97, ", ".join(parts), transform=ax.transAxes, va="top")
        text.set(fontsize="small", color=TEXT)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8})
