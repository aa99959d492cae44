"""The card of a posterior: bands, standard deviations and scores against a reference."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from torch import Tensor

from zoo.plots.band import predictive_band
from zoo.plots.canvas import COLORS, GREY, hide_frame, sheet

Score = tuple[str, float, float, float]  # name, value, floor, Monte-Carlo error

_POSTERIOR = COLORS[0]
_AWAY = COLORS[1]
_LEAST_STD = 1e-12


def card(
    values: Tensor,
    reference: Tensor,
    scores: Sequence[Score],
    verdict: str = "",
    *,
    best: Mapping[str, float] | None = None,
    away: Tensor | None = None,
    x: Tensor | None = None,
) -> Figure:
    """Draw how close a posterior is to a reference, in one picture.

    The left panel has the central 90 % of both, against one input or over inputs sorted
    by the mean of the reference. The middle panel has the standard deviation at each
    input against that of the reference. The right panel has the difference of each score
    from its best value, next to the same difference for the reference against itself.

    Arguments:
        values: Draws of the posterior's function values or class probabilities, (S, N)
            or (S, N, O).
        reference: Draws of the reference, of the same shape but for S.
        scores: Name, value, floor and Monte-Carlo error of each score.
        verdict: A sentence for the title.
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

    lines = [textwrap.fill(line, 120) for line in verdict.splitlines()]
    figure.suptitle("\n".join(lines), fontsize="medium")
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
    _draw_bands(ax, x.cpu()[order], values[:, order], reference[:, order])
    ax.set_xlabel("input")
    ax.set_ylabel("probability of the truth's class" if is_probability else "f(x)")


def _draw_sorted_bands(
    ax: Axes, values: Tensor, reference: Tensor, is_probability: bool
) -> None:
    """Draw the central 90 % of both over sorted inputs; real outputs are standardised."""
    mean = reference.mean(0)
    order = mean.argsort()
    ylabel = "probability of the truth's class"
    if not is_probability:
        std = reference.std(0).clamp_min(_LEAST_STD)
        values = (values - mean) / std
        reference = (reference - mean) / std
        ylabel = "f(x), in the truth's mean and standard deviation"

    places = torch.arange(len(order))
    _draw_bands(ax, places, values[:, order], reference[:, order])
    ax.set_xlabel("inputs, sorted by the truth's mean")
    ax.set_ylabel(ylabel)


def _draw_bands(ax: Axes, x: Tensor, values: Tensor, reference: Tensor) -> None:
    parts = ((reference, GREY, "truth"), (values, _POSTERIOR, "posterior"))
    for draws, color, label in parts:
        predictive_band(
            x,
            draws=draws,
            levels=(0.9,),
            color=color,
            label=label,
            ax=ax,
        )

    ax.legend(frameon=False)


def _draw_deviations(ax: Axes, values: Tensor, reference: Tensor, away: Tensor) -> None:
    """Draw the standard deviation at each input and output against that of the reference."""
    ours = _deviations(values)
    theirs = _deviations(reference)
    positive = np.concatenate([ours[ours > 0], theirs[theirs > 0], [_LEAST_STD]])
    low = np.quantile(positive, 0.02)
    high = positive.max()

    is_away = away.numpy()
    parts = (
        (~is_away, _POSTERIOR, "among the data"),
        (is_away, _AWAY, "away from the data"),
    )
    for mask, color, label in parts:
        if mask.any():
            across, up = theirs[mask].ravel(), ours[mask].ravel()
            dots = ax.plot(across, up, ".", color=color, label=label)
            dots[0].set(alpha=0.6, markersize=5)

    ax.plot([low, high], [low, high], color="black", linewidth=1)

    ax.set(xscale="log", yscale="log")
    ax.set(xlim=(low / 1.5, high * 1.5), ylim=(low / 3, high * 3))
    ax.set_xlabel("truth's standard deviation of f(x)")
    ax.set_ylabel("posterior's")
    for side in (ax.xaxis, ax.yaxis):
        side.set_minor_formatter(NullFormatter())

    if is_away.any():
        ax.legend(frameon=False)


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
    ax.barh(place - 0.2, floors, 0.38, color=GREY, label="truth against itself")
    ax.set_yticks(place, labels)
    ax.set_xlabel("distance from the best value")
    ax.set_xlim(left=0)
    ax.legend(frameon=False, loc="lower right")
