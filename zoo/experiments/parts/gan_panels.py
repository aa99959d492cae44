"""The figure of generative networks: samples in a plane, pictures by rows, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from zoo.experiments.running.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_COLUMNS = 2  # of panels
_NUM_IN_ROW = 5  # pictures of a generator
_TITLES = {"fashion_mnist": "Fashion-MNIST"}


def draw_gans(
    run: Run,
    plane: Mapping[str, Tensor],
    pictures: Mapping[str, Mapping[str, Any]],
    errors: Mapping[tuple[str, str], Tensor],
    num_labels: int,
) -> None:
    """Draw samples of a synthetic problem, pictures of each generator, and errors.

    Arguments:
        run: The run.
        plane: Coordinates (M, 2) of samples by method, and of "data".
        pictures: Rows of pictures by method, for each set of pictures.
        errors: Test errors in per cent of each draw of labels, by method and weighting.
        num_labels: Number of labels.
    """
    grids = []
    for name, found in pictures.items():
        for method, scores in found.items():
            if "rows" in scores:
                title = f"{_TITLES.get(name, name)}, {method}"
                grids.append((title, scores["rows"]))

    number = len(plane) + len(grids) + 1
    rows = -(-number // _NUM_COLUMNS)
    title = "What draws of generators make (each row of pictures is by one)"
    with run.report.panels(rows=rows, columns=_NUM_COLUMNS, title=title) as axes:
        places = iter(axes.flat)
        for name, points in plane.items():
            _draw_points(next(places), name, points, plane["data"])
        _draw_errors(next(places), errors, num_labels)
        for name, grid in grids:
            _draw_rows(next(places), name, grid)
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
    grid = grid[:, :_NUM_IN_ROW]
    rows, columns, channels, height, width = grid.shape
    image = grid.permute(0, 3, 1, 4, 2)
    image = image.reshape(rows * height, columns * width, channels) / 2 + 0.5
    ax.imshow(image.clamp(0, 1).expand(-1, -1, 3).numpy())
    ax.set_axis_off()
    ax.set_title(name)


def _draw_errors(
    ax: Axes, errors: Mapping[tuple[str, str], Tensor], num_labels: int
) -> None:
    """Draw the error of each draw of labels."""
    for place, (key, values) in enumerate(errors.items()):
        ax.plot(values, [place] * len(values), "o", alpha=0.6)
        ax.text(0.02, place - 0.2, ", ".join(key), transform=ax.get_yaxis_transform())

    ax.set_yticks([])
    ax.set_ylim(len(errors) - 0.6, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("test error in %")
    ax.set_title(f"MNIST, {num_labels} labels")
