"""What every picture shares: a new axis where none is given, colours, and the check of a shape."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

# Okabe and Ito (2008), jfly.uni-koeln.de/color, told apart by all common kinds of colour
# blindness; yellow is left out, since it disappears on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5A1D")
TRUTH = "#8C8C8C"


def axis(ax: Axes | None, size: tuple[float, float] = (6.4, 4.0)) -> Axes:
    """The axis to draw on: the given one as it is, or that of a new figure without idle frame."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=size, layout="constrained")
        ax.spines[["top", "right"]].set_visible(False)
    return ax


def sheet(figure: Figure | None, size: tuple[float, float]) -> Figure:
    """The figure to draw several axes on: the given one as it is, or a new one that `plt.show()` shows."""
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=size, layout="constrained")
    return figure


def colors(number: int) -> list[str]:
    """Colours for so many things, from the start again after the seventh."""
    return [COLORS[i % len(COLORS)] for i in range(number)]


def numbers(value: Tensor | Sequence[float], name: str, shape: str) -> np.ndarray:
    """The value as an array of doubles, as matplotlib likes it, if its shape is the given one.

    Arguments:
        value: Numbers.
        name: What the user calls them, for the sentence of the error.
        shape: Names or sizes, such as "S, N" or "S, 50"; a size must be met, a name is
            free.
    """
    tensor = torch.as_tensor(value, dtype=torch.float64, device="cpu").detach()
    wanted = shape.split(", ")
    fits = len(wanted) == tensor.dim() and all(
        not size.isdigit() or int(size) == actual
        for size, actual in zip(wanted, tensor.shape, strict=True)
    )
    if not fits or tensor.numel() == 0:
        raise ValueError(
            f"{name} has shape {tuple(tensor.shape)}; give numbers of shape {bracket(wanted)}."
        )
    return tensor.numpy()


def bracket(sizes: Sequence[str]) -> str:
    """A shape as Python writes it: (N,) for one name, (S, N) for two."""
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
