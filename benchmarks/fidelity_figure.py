"""The figure of `benchmarks.fidelity`: the distance of every guide from every reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from matplotlib.transforms import blended_transform_factory

from benchmarks.fidelity_scores import Fit, Results, main_score

_HEADING = 1.3  # height of a group's heading, in rows
_FLOOR, _POINT = "#9A9A9A", "#444444"


class Group(NamedTuple):
    """Rows of one kind.

    Arguments:
        title: The kind.
        color: The colour of their markers, distinct for the colour-blind.
        marker: The shape of their markers.
        labels: The names of the rows.
    """

    title: str
    color: str
    marker: str
    labels: Sequence[str]


GROUPS = (
    Group(
        "points and dropout",
        "#000000",
        "o",
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
        "#0072B2",
        "s",
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
        "#56B4E9",
        "D",
        (
            "LowRank",
            "AutoLowRank",
            "MatrixNormal",
            "FullRank",
            "AutoMultivariateNormal",
        ),
    ),
    Group(
        "around the mode",
        "#CC79A7",
        "v",
        ("Laplace", "Laplace linearised", "Laplace refined"),
    ),
    Group("over nodes", "#009E73", "^", ("NodeMixture", "Rank1", "Flow over nodes")),
    Group("last layer integrated out", "#E69F00", "P", ("LastLayer", "Resampled")),
    Group("particles", "#D55E00", "*", ("AIS", "RepulsiveEnsemble")),
    Group(
        "stochastic gradients",
        "#F0E442",
        "X",
        ("SWAG", "MultiSWAG", "FGE", "SGLD", "SGHMC", "SGNHT", "SGHMC cyclical"),
    ),
)


def draw(results: Results) -> Figure:
    """Draw a panel for each reference, with a line at the floor and one at the point estimate.

    Arguments:
        results: The scores of each guide on each reference.
    """
    places = _places()
    height = 0.26 * max(places.values()) + 1.6
    figure = Figure(figsize=(2.45 * len(results) + 2.6, height), layout="constrained")
    axes = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
    for ax, (name, fits) in zip(axes, results.items(), strict=True):
        ax.set_title(name, fontsize=13, fontweight="bold")
        _draw_reference(fits, places, ax)

    _name_rows(places, axes[0])
    figure.supxlabel(
        "distance from the known posterior, smaller is better; grey: the floor, one chain of the "
        "reference against the others; dotted: the point estimate (Delta)",
        fontsize=11,
    )

    return figure


def _places() -> dict[str, float]:
    """Return the height of each row and of each heading, from the top."""
    places = {}
    height = 0.0
    for group in GROUPS:
        height += _HEADING
        places[group.title] = height
        for label in group.labels:
            height += 1
            places[label] = height

    return places


def _draw_reference(
    fits: Mapping[str, Fit], places: Mapping[str, float], ax: Axes
) -> None:
    """Draw the main score of each guide on one reference, with its value."""
    first = next(iter(fits.values()))
    score = main_score(first)
    floor = first["floor"][score]

    ax.axvline(floor, color=_FLOOR, linewidth=4, alpha=0.6, zorder=1)
    if "Delta" in fits:
        value = fits["Delta"]["scores"][score]
        ax.axvline(value, color=_POINT, linewidth=1, linestyle=":", zorder=1)

    for group in GROUPS:
        for label in group.labels:
            if label in fits:
                _draw_fit(fits[label], score, group, places[label], ax)

    largest = max(fit["scores"][score] for fit in fits.values())
    ax.set(xscale="log", xlim=(floor / 1.6, largest * 3.2))
    ax.set_xlabel(score.replace("_", " "), fontsize=11)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", alpha=0.25)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)


def _draw_fit(fit: Fit, score: str, group: Group, place: float, ax: Axes) -> None:
    """Draw a score with its error, and write its value to the right."""
    value = fit["scores"][score]
    ax.errorbar(
        value,
        place,
        xerr=fit["errors"][score],
        fmt=group.marker,
        color=group.color,
        markersize=10 if group.marker == "*" else 7,
        elinewidth=1.5,
        zorder=2,
    )
    ax.annotate(
        text_of(value),
        (value + fit["errors"][score], place),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color="#333333",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
    )


def text_of(value: float) -> str:
    """Return a score as text with two digits that matter."""
    if value < 0.1:
        return f"{value:.3f}"

    return f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _name_rows(places: Mapping[str, float], ax: Axes) -> None:
    """Name the rows, and put a heading above each group."""
    labels = [label for group in GROUPS for label in group.labels]
    ax.set_yticks([places[label] for label in labels], labels, fontsize=11)
    ax.set_ylim(max(places.values()) + 0.7, places[GROUPS[0].title] - 0.7)

    beside = blended_transform_factory(ax.transAxes, ax.transData)
    for group in GROUPS:
        ax.text(
            -0.03,
            places[group.title],
            group.title,
            transform=beside,
            ha="right",
            va="center",
            fontsize=11,
            fontweight="bold",
            color=group.color,
        )
        for label, tick in zip(labels, ax.get_yticklabels(), strict=True):
            if label in group.labels:
                tick.set_color(group.color)
