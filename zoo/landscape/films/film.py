"""Animated pictures (GIF) by matplotlib and pillow, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.runtime.files.atomic import atomically
from zoo.runtime.files.output_path import check_output_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_film_path(path: str | Path) -> Path:
    """Check that an animation can be written to a path, and return it.

    Raises:
        ValueError: Its name does not end in .gif.
    """
    path = check_output_path(path, "animation")
    if path.suffix != ".gif":
        raise ValueError(
            f"an animation is written to a file that ends in .gif, not {path.name}; write "
            f"{path.with_suffix('.gif').name!r}"
        )

    return path


def empty_figure(size: tuple[float, float]) -> Figure:
    """Return a figure that is not shown by `plt.show()`.

    Arguments:
        size: Width and height in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)

    return figure


def write_film(
    figure: Figure,
    draw: Callable[[int], None],
    num_frames: int,
    path: Path,
    frames_per_second: float,
    dpi: int = 100,
) -> None:
    """Write an animation to a file.

    Arguments:
        figure: The figure.
        draw: Draws a frame on the figure, given its number.
        num_frames: Number of frames.
        path: The file.
        frames_per_second: Frames in a second.
        dpi: Dots per inch.
    """
    from matplotlib.animation import FuncAnimation, PillowWriter

    def update(frame: int) -> list[Any]:
        draw(frame)
        return []

    film = FuncAnimation(figure, update, frames=num_frames, init_func=lambda: [])
    with atomically(path) as new:
        film.save(str(new), writer=PillowWriter(fps=frames_per_second), dpi=dpi)
