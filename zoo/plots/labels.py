"""Labels of dots, each at the place around its dot where it covers least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

_HEIGHT = 12.0  # of a label and of a dot, in points
_WIDTH_OF_LETTER = 6.8  # of a font of 10 points, in points


class _Place(NamedTuple):
    """A place for a label, in points from its dot."""

    right: float
    up: float
    alignment: str


_PLACES = (  # the best first
    _Place(9, 0, "left"),
    _Place(-9, 0, "right"),
    _Place(0, 11, "center"),
    _Place(6, 11, "left"),
    _Place(-6, 11, "right"),
    _Place(0, -11, "center"),
    _Place(6, -11, "left"),
    _Place(-6, -11, "right"),
    _Place(0, 22, "center"),
    _Place(8, 22, "left"),
    _Place(-8, 22, "right"),
    _Place(0, -22, "center"),
    _Place(8, -22, "left"),
    _Place(-8, -22, "right"),
    _Place(0, 33, "center"),
    _Place(8, 33, "left"),
    _Place(-8, 33, "right"),
    _Place(0, -33, "center"),
    _Place(8, -33, "left"),
    _Place(-8, -33, "right"),
)


def place_labels(
    ax: Axes,
    names: Sequence[str],
    x: np.ndarray,
    y: np.ndarray,
) -> None:
    """Write a name next to each dot, where it covers other dots, names and notes least.

    Arguments:
        ax: The axis, with the dots and the limits set.
        names: Names of the dots, (G,).
        x: Horizontal positions of the dots, (G,).
        y: Vertical positions, (G,).
    """
    figure = ax.figure.canvas.figure
    figure.draw_without_rendering()  # because the layout moves the axes
    scale = ax.figure.dpi / 72  # pixels per point
    points = np.stack([x, y], -1)
    dots = ax.transData.transform(points)  # pixels
    taken = [_box_of_dot(dot, scale) for dot in dots]
    notes = [text.get_window_extent() for text in ax.texts]

    from_below = sorted(range(len(names)), key=y.__getitem__)
    for i in from_below:
        others = notes + taken[:i] + taken[i + 1 :]
        place, box = _best_place(dots[i], names[i], others, ax.bbox, scale)
        taken.append(box)

        text = ax.annotate(
            names[i],
            xy=(x[i], y[i]),
            xytext=(place.right, place.up),
            textcoords="offset points",
        )
        text.set(
            ha=place.alignment,
            va="center",
            zorder=4,
        )


def _best_place(
    dot: np.ndarray, name: str, others: list[Bbox], frame: Bbox, scale: float
) -> tuple[_Place, Bbox]:
    """Return the place of least cost, and the box of the label there.

    Arguments:
        dot: Position of the dot in pixels.
        name: The label.
        others: Boxes of the other dots and of the labels that are placed already.
        frame: The box of the axis.
        scale: Pixels per point.
    """
    boxes = [_box_of_label(dot, place, name, scale) for place in _PLACES]
    costs = []
    for rank, box in enumerate(boxes):
        cost = _cost(box, others, frame)
        costs.append(cost + 1e-3 * rank)

    best = costs.index(min(costs))
    return _PLACES[best], boxes[best]


def _box_of_dot(dot: np.ndarray, scale: float) -> Bbox:
    side = _HEIGHT * scale
    left = dot[0] - side / 2
    bottom = dot[1] - side / 2
    return Bbox.from_bounds(left, bottom, side, side)


def _box_of_label(dot: np.ndarray, place: _Place, name: str, scale: float) -> Bbox:
    width = _WIDTH_OF_LETTER * len(name) * scale
    height = _HEIGHT * scale
    left_of_anchor = {"left": 0.0, "center": width / 2, "right": width}

    anchor = dot[0] + place.right * scale
    left = anchor - left_of_anchor[place.alignment]
    middle = dot[1] + place.up * scale
    bottom = middle - height / 2
    return Bbox.from_bounds(left, bottom, width, height)


def _cost(box: Bbox, others: list[Bbox], frame: Bbox) -> float:
    """Return the area that a box covers or that lies outside the frame, relative to its own."""
    covered = 0.0
    for other in others:
        covered += _shared_area(box, other)

    area = box.width * box.height
    outside = area - _shared_area(box, frame)
    return (covered + outside) / area


def _shared_area(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    if shared is None:
        return 0.0
    return shared.width * shared.height
