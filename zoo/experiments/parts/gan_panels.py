"""The figure of generative networks: samples in a plane, pictures by rows, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from zoo.experiments.running.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_COLUMNS = 3


def draw_gans(
    run: Run,
    plane: Mapping[str, Tensor],
    pictures: Mapping[str, Mapping[str, Any]],
    errors: Mapping[str, Tensor],
) -> None:
    """Draw samples of a synthetic problem, pictures of each generator, and errors.

    Arguments:
        run: The run.
        plane: Coordinates (M, 2) of samples by method, and of "data".
        pictures: Rows of pictures by method, for each set of pictures.
        errors: Test errors in per cent of each draw of labels, by method.
    """
    grids = []
    for name, found in pictures.items():
        for method, scores in found.items():
            if "rows" in scores:
                grids.append((f"{name}, {method}", scores["rows"]))

    number = len(plane) + len(grids) + 1
    rows = -(-number // _NUM_COLUMNS)
    title = "What draws of generators make (a row of pictures is one generator)"
    with run.report.panels(rows=rows, columns=_NUM_COLUMNS, title=title) as axes:
        places = iter(axes.flat)
        for name, points in plane.items():
            _draw_points(next(places), name, points, plane["data"])
        for name, grid in grids:
            _draw_rows(next(places), name, grid)
        _draw_errors(next(places), errors)
        for ax in places:
            ax.set_axis_off()


def _draw_points(ax: Axes, name: str, points: Tensor, data: Tensor) -> None:
    """Draw samples over the data."""
    if name != "data":
        ax.plot(*data.T, ".", color="0.8", markersize=3)

    ax.plot(*points.T, ".", markersize=3)
    low, high = data.amin(0) - 1, data.amax(0) + 1
    ax.set_xlim(float(low[0]), float(high[0]))
    ax.set_ylim(float(low[1]), float(high[1]))
    ax.set_title(name)


def _draw_rows(ax: Axes, name: str, grid: Tensor) -> None:
    """Draw pictures (R, M, C, H, W) between -1 and 1, a generator a row."""
    rows, columns, channels, height, width = grid.shape
    image = grid.permute(0, 3, 1, 4, 2)
    image = image.reshape(rows * height, columns * width, channels) / 2 + 0.5
    ax.imshow(image.clamp(0, 1).expand(-1, -1, 3).numpy())
    ax.set_axis_off()
    ax.set_title(name)


def _draw_errors(ax: Axes, errors: Mapping[str, Tensor]) -> None:
    """Draw the error of each draw of labels."""
    for place, values in enumerate(errors.values()):
        ax.plot([place] * len(values), values, "o")

    ax.set_xticks(range(len(errors)), [name.replace(", ", "\n") for name in errors])
    ax.set_xlim(-0.5, len(errors) - 0.5)
    ax.set_ylim(bottom=0)
    ax.set_title("MNIST, test error in %")
