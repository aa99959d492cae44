"""Axes, figures, colours and checked arrays for all plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

# Colours of Okabe and Ito (2008), jfly.uni-koeln.de/color, which differ under all common
# kinds of colour blindness. Yellow is omitted, because it cannot be seen on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5A1D")
GREY = "#8C8C8C"  # of the reference or the prior
TEXT = "#595959"  # of notes
_IN_NATS = {"nll", "entropy", "epistemic", "aleatoric", "mutual information"}
_LUMINANCE = 0.18  # at which black and white have the same contrast


def axis(ax: Axes | None, size: tuple[float, float] = (6.4, 4.0)) -> Axes:
    """Return the axis to draw on: the given one unchanged, or that of a new figure.

    Arguments:
        ax: The axis, if there is one.
        size: Width and height of a new figure in inches.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=size, layout="constrained")
        hide_frame(ax)
    return ax


def sheet(
    figure: Figure | None,
    size: tuple[float, float],
    layout: Literal["constrained", "compressed"] = "constrained",
) -> Figure:
    """Return the figure to draw on: the given one, or a new one that `plt.show()` shows.

    Arguments:
        figure: The figure, if there is one.
        size: Width and height of a new figure in inches.
        layout: "compressed" for images, whose axes do not fill their place.
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=size, layout=layout)
    return figure


def hide_frame(ax: Axes) -> None:
    """Hide the upper and the right line of the frame."""
    ax.spines[["top", "right"]].set_visible(False)


def shade(
    ax: Axes,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    color: str,
    alpha: float,
    label: str | None = None,
) -> None:
    """Fill the area between two curves without an outline.

    Arguments:
        ax: The axis.
        x: Inputs on the horizontal axis, (N,).
        low: The lower curve, (N,).
        high: The upper curve, (N,).
        color: The colour.
        alpha: Opacity, between 0 and 1.
        label: Its name for a legend.
    """
    ax.fill_between(x, low, high, color=color, alpha=alpha, linewidth=0, label=label)


def color_of(number: int) -> str:
    """Return the colour of a curve, of those numbered from 0; they repeat after the seventh."""
    return COLORS[number % len(COLORS)]


def colors(number: int) -> list[str]:
    """Return as many colours as asked for; they repeat after the seventh."""
    return [color_of(i) for i in range(number)]


def ink_on(color: tuple[float, ...]) -> str:
    """Return black on a light colour (red, green, blue, ...), white on a dark one."""
    weights = (0.2126, 0.7152, 0.0722)
    linear = [part**2.2 for part in color[:3]]
    luminance = sum(w * part for w, part in zip(weights, linear, strict=True))
    return "black" if luminance > _LUMINANCE else "white"


def with_unit(score: str) -> str:
    """Return the name of a score with its unit, "nll, nats" for "nll"."""
    return f"{score}, nats" if score in _IN_NATS else score


def name_axes(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Write the labels of an axis that has none."""
    if not ax.get_xlabel():
        ax.set_xlabel(xlabel)
    if not ax.get_ylabel():
        ax.set_ylabel(ylabel)


def as_array(
    value: Tensor | Sequence[float] | np.ndarray, name: str, shape: str
) -> np.ndarray:
    """Return a value as an array of doubles, and check its shape.

    Arguments:
        value: A tensor or a sequence of numbers.
        name: The name of the argument, for the error message.
        shape: Names or sizes, such as "S, N" or "S, 50". A dimension with a size must
            have that size; one with a name may have any.

    Raises:
        ValueError: The value has another shape, or no element.
    """
    tensor = torch.as_tensor(value, dtype=torch.float64, device="cpu").detach()
    wanted = shape.split(", ")
    if tensor.numel() == 0 or not _fits(tensor, wanted):
        raise ValueError(
            f"{name} has shape {tuple(tensor.shape)}; give numbers of shape {_bracket(wanted)}"
        )
    return tensor.numpy()


def observed_points(observed: tuple[Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Return observed data x and y as arrays (N',) of the same length."""
    x = as_array(observed[0], "observed x", "N")
    y = as_array(observed[1], "observed y", f"{len(x)}")
    return x, y


def draw_observed(ax: Axes, observed: tuple[Tensor, Tensor]) -> None:
    """Draw observed data x and y as points on top."""
    points = observed_points(observed)
    ax.plot(*points, ".", color="black", markersize=4, zorder=3, label="data")


def _fits(tensor: Tensor, wanted: list[str]) -> bool:
    if len(wanted) != tensor.dim():
        return False

    for size, actual in zip(wanted, tensor.shape, strict=True):
        if size.isdigit() and int(size) != actual:
            return False
    return True


def _bracket(sizes: list[str]) -> str:
    """Return a shape as Python writes it: (N,) for one dimension, (S, N) for two."""
    if len(sizes) == 1:
        return f"({sizes[0]},)"

    listed = ", ".join(sizes)
    return f"({listed})"
