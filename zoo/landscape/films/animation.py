"""An animated picture of trajectories of weights over a plane."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.landscape.films.film import check_film_path, empty_figure, write_film
from zoo.landscape.films.trajectory import Projection, Trajectory, project
from zoo.landscape.surfaces.surface import Plane
from zoo.plots.canvas import color_of
from zoo.plots.curves import marker
from zoo.posterior.posterior import Posterior
from zoo.runtime.counts import check_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def animate(
    plane: Plane,
    trajectories: Mapping[str, Trajectory],
    path: str | Path,
    *,
    num_frames: int = 60,
    frames_per_second: int = 12,
    quantity: str = "values",
) -> Path:
    """Write an animated picture (GIF) of trajectories that are projected onto a plane.

    The legend says how much of each trajectory's present distance from the plane's first point
    is off the plane. Draws from a guide have no order, so they are dots without a line.

    Arguments:
        plane: The plane.
        trajectories: Trajectories by name, e.g. of SGD, SGLD and SWAG.
        path: The file, which ends in .gif.
        num_frames: Number of frames.
        frames_per_second: Frames in a second.
        quantity: What the contours show, as in `Plane.plot`.

    Raises:
        ValueError: No trajectory, or another ending of the file's name.

    Example:
        >>> draws = posterior.sample(3)
        >>> a, b, c = [{name: draws[name][s] for name in draws} for s in range(3)]
        >>> plane = landscape.plane(posterior, a, b, data=data, shape=(2, 2))
        >>> landscape.animate(plane, {"walk": [a, c]}, folder / "walk.gif", num_frames=2).name
        'walk.gif'
    """
    check_count("num_frames", num_frames)
    path = check_film_path(path)
    if not trajectories:
        raise ValueError(
            "animate needs at least one trajectory, but there is none; write "
            'animate(plane, {"SGD": steps}, path)'
        )

    figure = empty_figure((6.4, 5.0))
    plane.plot(quantity, figure=figure)
    walkers = []
    for number, (name, trajectory) in enumerate(trajectories.items()):
        line = "none" if _has_no_order(trajectory) else "-"
        walkers.append(_Walker(figure, name, number, line, project(plane, trajectory)))

    legend = figure.legend(
        [walker.head for walker in walkers],
        [walker.label for walker in walkers],
        loc="outside lower center",
        ncols=len(walkers),
        fontsize="small",
        frameon=False,
    )
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the axes stay where they are in all frames

    def draw(frame: int) -> None:
        for walker, text in zip(walkers, legend.get_texts(), strict=True):
            walker.move((frame + 1) / num_frames)
            text.set_text(walker.label)

    write_film(figure, draw, num_frames, path, frames_per_second)

    return path


def _has_no_order(trajectory: Trajectory) -> bool:
    """Return whether a trajectory is a guide, which draws anew."""
    return isinstance(trajectory, Posterior) and trajectory.draws is None


class _Walker:
    """A trajectory in a picture, as far as it has come.

    Arguments:
        figure: The picture of the plane.
        name: The name of the trajectory.
        number: Its number, which sets its colour and the marker at its end.
        line: The style of its line, or "none" for dots.
        projection: The trajectory on the plane.
    """

    def __init__(
        self, figure: Figure, name: str, number: int, line: str, projection: Projection
    ) -> None:
        ax = figure.axes[0]
        color = color_of(number)
        self.name = name
        self.projection = projection
        self.number = 1
        dots = "." if line == "none" else ""
        (self.line,) = ax.plot([], [], line, marker=dots, color=color, linewidth=1.5)
        (self.head,) = ax.plot([], [], marker(number), color=color)
        self.head.set_markeredgecolor("white")

    @property
    def label(self) -> str:
        """The name, with the share of its present distance that is off the plane."""
        off = float(self.projection.share[self.number - 1])

        return f"{self.name}, {off:4.0%} off the plane"

    def move(self, share: float) -> None:
        """Draw the first part of the trajectory."""
        places = self.projection.coordinates
        self.number = max(1, round(share * len(places)))
        x, y = places[: self.number].T.numpy()
        self.line.set_data(x, y)
        self.head.set_data(x[-1:], y[-1:])
