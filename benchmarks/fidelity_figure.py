"""The figure of `benchmarks.fidelity`: the distance of every guide from every reference."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from benchmarks.fidelity_scores import SCORES, Fit, Results, main_score
from zoo.plots.canvas import TEXT, ink_on

_CELL = (0.6, 0.27)  # width and height in inches
_NAMES = 2.6  # width of the names of the rows in inches
_PALETTE = "viridis_r"  # light is close
_TIMES = (1, 2, 5, 10, 20, 50)  # the floor, on the scale of the colours
_UNITS = {"wasserstein": "Wasserstein-1 distance", "total_variation": "total variation"}
_NOTE = (
    "Numbers: distance from the reference, smaller is closer; bold: closer than the point "
    "estimate (Delta) by more than two standard errors. Colours: distance divided by the "
    "floor, which is the distance of one chain of the reference from the others."
)


class Group(NamedTuple):
    """Rows of one kind.

    Arguments:
        title: The kind.
        labels: The names of the rows.
    """

    title: str
    labels: Sequence[str]


GROUPS = (
    Group(
        "points and dropout",
        (
            "Delta",
            "Mixture of 5 Delta",
            "MCDropout",
            "ConcreteDropout",
            "GaussianDropout",
        ),
    ),
    Group(
        "independent weights",
        (
            "MeanField",
            "LocalReparam",
            "Flipout",
            "Radial",
            "SparseVariationalDropout",
            "AutoNormal",
            "Mixture of 4 MeanField",
        ),
    ),
    Group(
        "correlated weights",
        (
            "LowRank",
            "AutoLowRank",
            "MatrixNormal",
            "FullRank",
            "AutoMultivariateNormal",
        ),
    ),
    Group("around the mode", ("Laplace", "Laplace linearised", "Laplace refined")),
    Group("over nodes", ("NodeMixture", "Rank1", "Flow over nodes")),
    Group("last layer integrated out", ("LastLayer", "Resampled")),
    Group("particles", ("AIS", "RepulsiveEnsemble")),
    Group(
        "stochastic gradients",
        ("SWAG", "MultiSWAG", "FGE", "SGLD", "SGHMC", "SGNHT", "SGHMC cyclical"),
    ),
)


def draw(results: Results) -> Figure:
    """Draw a table of guides and references, each cell coloured by its distance in floors.

    References of one score stand together. The first row is the floor, one chain of the
    reference against the others.

    Arguments:
        results: The scores of each guide on each reference.
    """
    columns = sorted(results, key=lambda name: SCORES.index(_score_of(results[name])))
    places = _places()
    num_rows = max(places.values()) + 1
    width = _NAMES + _CELL[0] * len(columns)
    height = _CELL[1] * num_rows + 2.6
    figure = Figure(figsize=(max(width, 6.4), height), layout="constrained")
    ax = figure.subplots()
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(num_rows - 0.5, -0.5))

    colors = ScalarMappable(LogNorm(_TIMES[0], _TIMES[-1]), _PALETTE)
    for column, name in enumerate(columns):
        _draw_reference(ax, column, results[name], places, colors)

    _name_columns(ax, columns, results)
    _name_rows(ax, places)
    _draw_scale(figure, ax, colors)

    return figure


def text_of(value: float) -> str:
    """Return a score as text with two digits that matter."""
    if value < 0.1:
        return f"{value:.3f}"

    if value < 1:
        return f"{value:.2f}"

    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _score_of(fits: Mapping[str, Fit]) -> str:
    return main_score(next(iter(fits.values())))


def _places() -> dict[str, int]:
    """Return the row of the floor, of each heading and of each guide, from the top."""
    places = {"floor": 0}
    for title, labels in GROUPS:
        for name in (title, *labels):
            places[name] = len(places)

    return places


def _draw_reference(
    ax: Axes,
    column: int,
    fits: Mapping[str, Fit],
    places: Mapping[str, int],
    colors: ScalarMappable,
) -> None:
    """Draw the column of one reference."""
    score = _score_of(fits)
    floor = next(iter(fits.values()))["floor"][score]
    point = fits["Delta"]["scores"][score] if "Delta" in fits else -np.inf
    _draw_cell(ax, column, places["floor"], floor, colors.to_rgba(1.0), False)
    for label, fit in _in_groups(fits):
        value = fit["scores"][score]
        color = colors.to_rgba(max(value / floor, 1.0))
        is_closer = value + 2 * fit["errors"][score] < point
        _draw_cell(ax, column, places[label], value, color, is_closer)


def _in_groups(fits: Mapping[str, Fit]) -> Iterator[tuple[str, Fit]]:
    """Yield the rows of the groups that there are."""
    for group in GROUPS:
        for label in group.labels:
            if label in fits:
                yield label, fits[label]


def _draw_cell(
    ax: Axes,
    column: int,
    row: int,
    value: float,
    color: tuple[float, ...],
    is_closer: bool,
) -> None:
    """Draw a cell with its number."""
    corner = (column - 0.48, row - 0.46)
    ax.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=color))
    text = ax.text(column, row, text_of(value), ha="center", va="center", fontsize=11)
    text.set(color=ink_on(color), fontweight="bold" if is_closer else "normal")


def _name_columns(ax: Axes, columns: Sequence[str], results: Results) -> None:
    """Write the references above their columns, and each score above its references."""
    ax.set_xticks(range(len(columns)), columns, rotation=50, ha="left", fontsize=12)
    for label in ax.get_xticklabels():
        label.set_rotation_mode("anchor")
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    ax.spines[:].set_visible(False)

    for score in SCORES:
        own = [i for i, name in enumerate(columns) if _score_of(results[name]) == score]
        if not own:
            continue

        bottom = ax.get_ylim()[0]
        middle = (own[0] + own[-1]) / 2
        ax.plot([own[0] - 0.45, own[-1] + 0.45], [bottom, bottom], "k-", clip_on=False)
        name = _UNITS[score].replace(" ", "\n") if len(own) < 3 else _UNITS[score]
        ax.annotate(
            name,
            (middle, bottom),
            xytext=(0, -5),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=11,
        )


def _name_rows(ax: Axes, places: Mapping[str, int]) -> None:
    """Write the guides beside their rows, and the kinds in bold above theirs."""
    titles = {group.title for group in GROUPS}
    ax.set_yticks(list(places.values()), list(places), fontsize=12)
    for name, label in zip(places, ax.get_yticklabels(), strict=True):
        if name in titles:
            label.set(fontweight="bold", va="center")


def _draw_scale(figure: Figure, ax: Axes, colors: ScalarMappable) -> None:
    """Draw the scale of the colours below the table."""
    bar = figure.colorbar(
        colors, ax=ax, location="bottom", aspect=40, pad=0.01, extend="max"
    )
    bar.ax.xaxis.set_major_locator(FixedLocator(_TIMES))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.set_label("distance, times the floor", fontsize=11)
    letters = round(11 * figure.get_figwidth())
    note = textwrap.fill(_NOTE, letters)
    figure.supxlabel(note, x=0.01, ha="left", fontsize=11, color=TEXT)
