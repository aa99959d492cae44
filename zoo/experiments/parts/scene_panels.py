"""The figure of predicted pixels: images, borders, referral, and uncertainty by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from zoo import plots
from zoo.experiments.parts.scene_cases import FRACTIONS, PixelCases
from zoo.experiments.running.run import Run

_IMAGE_ROWS = 2  # of panels, which the images take


def draw_pixels(
    run: Run,
    maps: Mapping[str, Tensor],
    cases: PixelCases,
    curves: Mapping[str, Mapping[str, Tensor]],
    classes: Sequence[object],
) -> None:
    """Draw some images, and below them curves of one posterior and of all.

    Arguments:
        run: The run.
        maps: `images`, `labels`, `predicted`, `total` and `epistemic` of some images.
        cases: The scores of the posterior that is drawn.
        curves: What `scene_cases.curves_of` returns, by the name of the posterior; the
            first one is drawn.
        classes: Names of the classes.
    """
    first = next(iter(curves))
    with run.report.panels(_IMAGE_ROWS + 1, 4, f"CamVid, {first}") as axes:
        figure = _figure_of_images(axes[:_IMAGE_ROWS])
        plots.pixels(**maps, classes=classes, figure=figure)

        below = axes[_IMAGE_ROWS]
        _draw_borders(below[0], curves[first])
        _draw_referral(below[1], curves)
        shares = 100 * cases.frequency
        _draw_classes(below[2], cases, shares, "pixels of the class, %", classes)
        below[2].set_xscale("log")
        accuracies = 100 * cases.accuracy
        _draw_classes(below[3], cases, accuracies, "accuracy of the class, %", classes)


def _figure_of_images(axes: Sequence[Sequence[Axes]]) -> SubFigure:
    """Return a figure in the place of some rows of panels."""
    grid = axes[0][0].get_gridspec()
    figure = axes[0][0].figure
    assert isinstance(figure, Figure)
    for row in axes:
        for ax in row:
            ax.remove()

    return figure.add_subfigure(grid[: len(axes), :])


def _draw_borders(ax: Axes, curves: Mapping[str, Tensor]) -> None:
    """Draw the mean uncertainty at each distance to a border of classes."""
    by_distance = {}
    for kind in ("total", "epistemic", "aleatoric"):
        by_distance[kind] = curves[f"{kind} by distance"]

    distance = torch.arange(len(by_distance["total"]))
    xlabel = "pixels from the nearest border of classes"
    plots.profile(distance, by_distance, ylabel="nats", xlabel=xlabel, ax=ax)


def _draw_referral(ax: Axes, curves: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Draw the mean IoU of what is kept if the pixels of greatest entropy are referred."""
    lines = {}
    for name, of_posterior in curves.items():
        lines[name] = of_posterior["IoU by total"].tolist()

    plots.referral(FRACTIONS, lines, ylabel="mean IoU of the pixels kept", ax=ax)


def _draw_classes(
    ax: Axes,
    cases: PixelCases,
    places: Tensor,
    xlabel: str,
    classes: Sequence[object],
) -> None:
    """Draw the mean epistemic uncertainty of the pixels of each class, with its name."""
    nats = cases.mean_of_class("epistemic")
    ax.plot(places, nats, "o")
    for rank, index in enumerate(nats.argsort().tolist()):
        is_left = rank % 2 == 1  # so that names of neighbours do not overlap
        ax.annotate(
            str(classes[index]),
            (float(places[index]), float(nats[index])),
            xytext=(-5, 0) if is_left else (5, 0),
            textcoords="offset points",
            ha="right" if is_left else "left",
            va="center",
            fontsize="small",
        )

    ax.margins(x=0.25)
    ax.set(xlabel=xlabel, ylabel="epistemic uncertainty, nats")
