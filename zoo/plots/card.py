"""The card of a posterior: bands, standard deviations and scores against a reference."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from torch import Tensor

from zoo.plots.band import predictive_band
from zoo.plots.canvas import COLORS, GREY, TEXT, hide_frame, sheet
from zoo.plots.legends import legend_above

Score = tuple[str, float, float, float]  # name, value, floor, Monte-Carlo error

_POSTERIOR = COLORS[0]
_AWAY = COLORS[1]
_LEAST_STD = 1e-12
_LETTERS = 160  # of a line as wide as the figure
_INTERVAL = (0.05, 0.5, 0.95)
_PROBABILITY = "probability of the reference's class"
_MOST_INPUTS = 60  # of a panel of sorted inputs


def card(
    values: Tensor,
    reference: Tensor,
    scores: Sequence[Score],
    verdict: str = "",
    *,
    note: str = "",
    best: Mapping[str, float] | None = None,
    away: Tensor | None = None,
    x: Tensor | None = None,
) -> Figure:
    """Draw how close a posterior is to a reference, in one picture.

    The left panel has the median and the central 90 % of both, against one input, or at
    inputs sorted by the mean of the reference, sixty of many. The middle panel has the
    standard deviation at each input against that of the reference; what is smaller than the
    axis shows is at its lower edge. The right panel has the difference of each score from
    its best value, next to the same difference for the reference against itself.

    Arguments:
        values: Draws of the posterior's function values or class probabilities, (S, N)
            or (S, N, O).
        reference: Draws of the reference, of the same shape but for S.
        scores: Name, value, floor and Monte-Carlo error of each score.
        verdict: A sentence for the title.
        note: A sentence below the panels.
        best: The best value of a score by name; 0 for those that are not in it.
        away: Which inputs lie away from the data, (N,).
        x: Inputs on the horizontal axis, (N,); by default the inputs are sorted.

    Example:
        >>> from zoo import plots
        >>> values, reference = torch.randn(50, 20), torch.randn(50, 20)
        >>> len(plots.card(values, reference, [("mean error", 0.2, 0.1, 0.05)]).axes)
        3
    """
    values = values.cpu()
    reference = reference.cpu()
    if away is None:
        away = torch.zeros(values.shape[1], dtype=torch.bool)

    figure = sheet(None, (12.0, 3.8))
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.3, 1.0, 1.0))
    for ax in (left, middle, right):
        hide_frame(ax)

    is_probability = values.dim() == 3 and values.shape[-1] > 1
    ours, theirs = _one_output(values, reference)
    if x is None:
        _draw_sorted_bands(left, ours, theirs, is_probability)
    else:
        _draw_bands_against(left, ours, theirs, x, is_probability)

    _draw_deviations(middle, values, reference, away.cpu())
    _draw_scores(right, scores, best or {})

    title = textwrap.fill(verdict, _LETTERS)
    figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    if note:
        below = textwrap.fill(note, _LETTERS)
        figure.supxlabel(below, x=0.01, ha="left", fontsize="small", color=TEXT)

    return figure


def _one_output(values: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Choose one output, (S, N): at each input the most probable class of the reference."""
    if values.dim() == 2:
        return values, reference

    if values.shape[-1] == 1:
        output = torch.zeros(values.shape[1], dtype=torch.long)
    else:
        output = reference.mean(0).argmax(-1)  # (N,)
    return _selected(values, output), _selected(reference, output)


def _selected(draws: Tensor, output: Tensor) -> Tensor:
    """Return one output of draws (S, N, O) at each input, (S, N)."""
    index = output[None, :, None].expand(len(draws), -1, 1)
    return draws.gather(2, index).squeeze(-1)


def _draw_bands_against(
    ax: Axes, values: Tensor, reference: Tensor, x: Tensor, is_probability: bool
) -> None:
    """Draw the central 90 % of both against one input."""
    order = x.argsort()
    inputs = x.cpu()[order]
    parts = (
        (reference, GREY, "--", "reference"),
        (values, _POSTERIOR, "-", "posterior"),
    )
    for draws, color, style, label in parts:
        predictive_band(
            inputs,
            draws=draws[:, order],
            levels=(0.9,),
            color=color,
            linestyle=style,
            label=f"{label}, 90 %",
            ax=ax,
        )

    ax.set_xlabel("input x")
    ax.set_ylabel(_PROBABILITY if is_probability else "f(x)")
    legend_above(ax)


def _draw_sorted_bands(
    ax: Axes, values: Tensor, reference: Tensor, is_probability: bool
) -> None:
    """Draw the central 90 % of both at sorted inputs; real outputs are standardised."""
    mean = reference.mean(0)
    order = mean.argsort()
    if len(order) > _MOST_INPUTS:
        order = order[torch.linspace(0, len(order) - 1, _MOST_INPUTS).long()]

    ylabel = _PROBABILITY
    if not is_probability:
        std = reference.std(0).clamp_min(_LEAST_STD)
        values = (values - mean) / std
        reference = (reference - mean) / std
        ylabel = "f(x) less reference mean,\nin reference sd"

    places = torch.arange(len(order))
    predictive_band(
        places,
        draws=reference[:, order],
        levels=(0.9,),
        color=GREY,
        linestyle="--",
        label="reference, 90 %",
        ax=ax,
    )
    low, middle, high = np.quantile(values[:, order].numpy(), _INTERVAL, axis=0)
    ax.errorbar(
        places,
        middle,
        yerr=(middle - low, high - middle),
        fmt="o",
        color=_POSTERIOR,
        markersize=3,
        elinewidth=1,
        label="posterior, 90 %",
    )
    some = "" if len(order) == len(mean) else f", {len(order)} of {len(mean)}"
    ax.set_xlabel(f"inputs, sorted by the reference mean{some}")
    ax.set_ylabel(ylabel)
    ax.set_xlim(-1, len(order))
    legend_above(ax)


def _draw_deviations(ax: Axes, values: Tensor, reference: Tensor, away: Tensor) -> None:
    """Draw the standard deviation at each input and output against that of the reference."""
    ours = _deviations(values)
    theirs = _deviations(reference)
    positive = np.concatenate([ours[ours > 0], theirs[theirs > 0], [_LEAST_STD]])
    low = np.quantile(positive, 0.02) / 1.5
    high = positive.max() * 1.5

    is_away = away.numpy()
    parts = (
        (~is_away, _POSTERIOR, "o", "near data"),
        (is_away, _AWAY, "^", "away from data"),
    )
    for mask, color, marker, label in parts:
        if mask.any():
            across = theirs[mask].ravel().clip(low)
            up = ours[mask].ravel().clip(low)
            dots = ax.plot(across, up, marker, color=color, label=label)
            dots[0].set(alpha=0.6, markersize=4, markeredgewidth=0, clip_on=False)

    ax.plot([low, high], [low, high], color="black", linewidth=1, label="equal")
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    ax.set_xlabel("standard deviation, reference")
    ax.set_ylabel("standard deviation, posterior")
    for side in (ax.xaxis, ax.yaxis):
        side.set_major_locator(LogLocator(subs=(1, 2, 5)))
        side.set_major_formatter(StrMethodFormatter("{x:g}"))
        side.set_minor_formatter(NullFormatter())

    legend_above(ax)


def _deviations(draws: Tensor) -> np.ndarray:
    """Return the standard deviation of draws (S, N, ...) at each input and output, (N, O)."""
    std = draws.std(0, correction=0)
    return std.reshape(len(std), -1).numpy()


def _draw_scores(ax: Axes, scores: Sequence[Score], best: Mapping[str, float]) -> None:
    """Draw the difference of each score and of its floor from the best value."""
    labels, ours, floors, errors = [], [], [], []
    for name, value, floor, error in scores:
        target = best.get(name, 0.0)
        labels.append(f"{name}  {value:.2f}")
        ours.append(abs(value - target))
        floors.append(abs(floor - target))
        errors.append(error)

    place = np.arange(len(scores))[::-1]
    ax.barh(
        place + 0.2,
        ours,
        0.38,
        xerr=errors,
        color=_POSTERIOR,
        label="posterior",
    )
    ax.barh(place - 0.2, floors, 0.38, color=GREY, label="reference against itself")
    ax.set_yticks(place, labels)
    ax.set_xlabel("distance from the best value")
    ax.set_xlim(left=0)
    legend_above(ax)
