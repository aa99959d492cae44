"""The card of a posterior: its bands over the truth's, the calibration of its spread, its scores beside their floor."""

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
from zoo.plots.canvas import COLORS, TRUTH, sheet

OURS, AWAY = COLORS[0], COLORS[1]


def card(
    values: Tensor,
    truth: Tensor,
    scores: Sequence[tuple[str, float, float, float]],
    verdict: str = "",
    *,
    best: Mapping[str, float] | None = None,
    away: Tensor | None = None,
    line: Tensor | None = None,
) -> Figure:
    """Draw how close a posterior is to the truth, in one picture.

    To the left the central 90 % of both, along a line or over inputs sorted by the
    truth's mean; in the middle the spread at each input against the truth's; to the
    right what every score lacks, beside what the truth's own chains lack.

    Arguments:
        values: Draws of the posterior's function values or class probabilities, (S, N)
            or (S, N, O).
        truth: As many of the truth's.
        scores: Name, value, floor and Monte-Carlo error of each score.
        verdict: A sentence for the title.
        best: What is best of a score, by name; 0 of those that are not in it.
        away: Which inputs lie away from the data, (N,).
        line: Positions of the inputs along a line, (N,); by default they are sorted.

    Example:
        >>> from zoo import plots
        >>> values, truth = torch.randn(50, 20), torch.randn(50, 20)
        >>> len(plots.card(values, truth, [("mean error", 0.2, 0.1, 0.05)]).axes)
        3
    """
    figure = sheet(None, (12.0, 3.8))
    bands, spreads, bars = figure.subplots(1, 3, width_ratios=(1.3, 1.0, 1.0))
    for ax in (bands, spreads, bars):
        ax.spines[["top", "right"]].set_visible(False)
    away = (
        torch.zeros(values.shape[1], dtype=torch.bool) if away is None else away.cpu()
    )
    values, truth = values.cpu(), truth.cpu()
    draw_bands(
        bands,
        *one_output(values, truth),
        line,
        classes=values.dim() == 3 and values.shape[-1] > 1,
    )
    draw_spreads(spreads, values, truth, away)
    draw_scores(bars, scores, best or {})
    lines = [textwrap.fill(line, 120) for line in verdict.splitlines()]
    figure.suptitle("\n".join(lines), fontsize="medium")
    return figure


def one_output(values: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Choose one output (S, N): of classes at each input the one that is most probable under the truth."""
    if values.dim() == 2:
        return values, truth
    best = (
        truth.mean(0).argmax(-1)
        if values.shape[-1] > 1
        else torch.zeros(values.shape[1], dtype=torch.long)
    )
    index = best[None, :, None]
    return tuple(
        part.gather(2, index.expand(len(part), -1, 1)).squeeze(-1)
        for part in (values, truth)
    )


def draw_bands(
    ax: Axes, values: Tensor, truth: Tensor, line: Tensor | None, classes: bool
) -> None:
    """Draw the central 90 % of both along a line, or over sorted inputs and then in units of the truth's spread."""
    order = truth.mean(0).argsort() if line is None else line.argsort()
    place = torch.arange(len(order)) if line is None else line.cpu()[order]
    ylabel = "probability of the truth's class" if classes else "f(x)"
    if line is None and not classes:
        values, truth = (
            (part - truth.mean(0)) / truth.std(0).clamp_min(1e-12)
            for part in (values, truth)
        )
        ylabel = "f(x), in the truth's mean and standard deviation"
    predictive_band(
        place, draws=truth[:, order], levels=(0.9,), color=TRUTH, label="truth", ax=ax
    )
    predictive_band(
        place,
        draws=values[:, order],
        levels=(0.9,),
        color=OURS,
        label="posterior",
        ax=ax,
    )
    ax.set(
        xlabel="input" if line is not None else "inputs, sorted by the truth's mean",
        ylabel=ylabel,
    )
    ax.legend(frameon=False)


def draw_spreads(ax: Axes, values: Tensor, truth: Tensor, away: Tensor) -> None:
    """Draw the standard deviation at each input and output against the truth's, on logarithmic axes."""
    ours, theirs = (
        part.std(0, correction=0).reshape(len(away), -1).numpy()
        for part in (values, truth)
    )
    positive = np.concatenate([ours[ours > 0], theirs[theirs > 0], [1e-12]])
    low, high = np.quantile(positive, 0.02), positive.max()
    for mask, color, label in (
        (~away.numpy(), OURS, "among the data"),
        (away.numpy(), AWAY, "away from the data"),
    ):
        if mask.any():
            ax.plot(
                theirs[mask].ravel(),
                ours[mask].ravel(),
                ".",
                color=color,
                alpha=0.6,
                markersize=5,
                label=label,
            )
    ax.plot([low, high], [low, high], color="black", linewidth=1)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="truth's standard deviation of f(x)",
        ylabel="posterior's",
    )
    ax.set(xlim=(low / 1.5, high * 1.5), ylim=(low / 3, high * 3))
    for side in (ax.xaxis, ax.yaxis):
        side.set_minor_formatter(NullFormatter())
    if away.any():
        ax.legend(frameon=False)


def draw_scores(
    ax: Axes,
    scores: Sequence[tuple[str, float, float, float]],
    best: Mapping[str, float],
) -> None:
    """Draw what each score lacks, and what the truth's own chains lack."""
    place = np.arange(len(scores))[::-1]
    lacks = [abs(value - best.get(name, 0.0)) for name, value, _, _ in scores]
    floors = [abs(floor - best.get(name, 0.0)) for name, _, floor, _ in scores]
    ax.barh(
        place + 0.2,
        lacks,
        0.38,
        xerr=[error for *_, error in scores],
        color=OURS,
        label="posterior",
    )
    ax.barh(place - 0.2, floors, 0.38, color=TRUTH, label="truth against itself")
    names = [f"{name}  {value:.2f}" for name, value, _, _ in scores]
    ax.set_yticks(place, names)
    ax.set_xlabel("distance from the best value")
    ax.set_xlim(left=0)
    ax.legend(frameon=False, loc="lower right")
