"""Axes, figures, colours and checked arrays for all plots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

# Colours of Okabe and Ito (2008), jfly.uni-koeln.de/color, which differ under all common
# kinds of colour blindness. Yellow is omitted, because it cannot be seen on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5A1D")
GREY = "#8C8C8C"  # of the reference or the prior


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


def sheet(figure: Figure | None, size: tuple[float, float]) -> Figure:
    """Return the figure to draw on: the given one, or a new one that `plt.show()` shows.

    Arguments:
        figure: The figure, if there is one.
        size: Width and height of a new figure in inches.
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=size, layout="constrained")
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
) -> None:
    """Fill the area between two curves without an outline.

    Arguments:
        ax: The axis.
        x: Inputs on the horizontal axis, (N,).
        low: The lower curve, (N,).
        high: The upper curve, (N,).
        color: The colour.
        alpha: Opacity, between 0 and 1.
    """
    ax.fill_between(x, low, high, color=color, alpha=alpha, linewidth=0)


def colors(number: int) -> list[str]:
    """Return as many colours as asked for; they repeat after the seventh."""
    return [COLORS[i % len(COLORS)] for i in range(number)]


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
