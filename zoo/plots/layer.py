"""A layer of a Bayesian network as a grid of the densities of its weights."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, GREY, as_array

_MOST_WEIGHTS = 5  # rows and columns of a linear layer that are drawn
_NEGATIVE = COLORS[0]
_POSITIVE = COLORS[1]
_LINE = np.linspace(
    -1, 1, 61
)  # a cell from left to right, in units of the layer's range


def draw_layer(ax: Axes, name: str, mean: Tensor, std: Tensor) -> None:
    """Draw a layer: a grid of densities, and a line about its shape."""
    means, stds = _checked(name, mean, std)
    chosen = _chosen(means)
    cell_means = means[chosen]
    cell_stds = np.maximum(stds[chosen], 1e-6)

    ends = abs(cell_means) + 2 * cell_stds
    reach = 1.05 * float(np.quantile(ends, 0.95))
    for cell, value in np.ndenumerate(cell_means):
        _draw_cell(ax, cell, value / reach, cell_stds[cell] / reach)

    rows, columns = cell_means.shape
    ax.set(
        xlim=(-0.08, columns + 0.08), ylim=(rows + 0.08, -0.08), xticks=[], yticks=[]
    )
    ax.set_aspect("equal")
    title = name.removesuffix(".weight")
    ax.set_title(title, fontsize="medium", fontweight="bold")

    ratio = np.median(abs(means) / np.maximum(stds, 1e-12))
    shape = _shape_in_words(means.shape)
    ax.set_xlabel(f"{shape}\nmedian |mean| / std {ratio:.1f}", fontsize="small")


def _checked(name: str, mean: Tensor, std: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return means and standard deviations of a layer as arrays."""
    sizes = [str(size) for size in mean.shape]
    names = list("OIHW"[: len(sizes)])
    means = as_array(mean, f"means of {name}", ", ".join(names))
    stds = as_array(std, f"standard deviations of {name}", ", ".join(sizes))

    if not (stds >= 0).all():
        raise ValueError(
            f"{name} has negative standard deviations; give 0 or positive ones"
        )
    return means, stds


def _shape_in_words(shape: tuple[int, ...]) -> str:
    sizes = [str(size) for size in shape]
    if len(sizes) == 2:
        num_outputs, num_inputs = sizes
        return f"{num_outputs} x {num_inputs} weights"

    num_outputs, num_inputs, *kernel = sizes
    kernel_size = " x ".join(kernel)
    return f"{num_outputs} x {num_inputs} kernels of {kernel_size}"


def _chosen(means: np.ndarray) -> tuple:
    """Return the index of the weights to draw.

    For a convolution it is the kernel with the largest means, for a linear layer rows
    and columns at even distances.
    """
    if means.ndim == 2:
        lines = []
        for size in means.shape:
            number = min(size, _MOST_WEIGHTS)
            line = np.linspace(0, size - 1, number)
            lines.append(line.astype(int))
        return np.ix_(*lines)

    kernel_axes = tuple(range(2, means.ndim))
    sizes = np.square(means).sum(kernel_axes)  # (O, C)
    kernel = np.unravel_index(sizes.argmax(), sizes.shape)
    is_one_dimensional = means.ndim == 3
    return (*kernel, None) if is_one_dimensional else kernel


def _draw_cell(ax: Axes, cell: tuple[int, ...], mean: float, std: float) -> None:
    """Draw the density of one weight in its cell.

    Arguments:
        ax: The axis of the layer.
        cell: Row and column.
        mean: The mean in units of the layer's range.
        std: The standard deviation in the same units.
    """
    row, column = cell
    middle = column + 0.5
    top, bottom = row + 0.09, row + 0.93
    standardised = (_LINE - mean) / std
    height = 0.84 * np.exp(-0.5 * standardised**2)

    certainty = math.erf(
        abs(mean) / std / 2**0.5
    )  # probability of the sign of the mean
    alpha = int(60 + 195 * certainty)
    color = _NEGATIVE if mean < 0 else _POSITIVE

    across = middle + 0.46 * _LINE
    face = f"{color}{alpha:02x}"
    ax.fill_between(across, bottom, bottom - height, facecolor=face, linewidth=0)
    ax.plot([middle, middle], [top, bottom], ":", color=GREY, linewidth=0.6)

    left, right = column + 0.04, column + 0.96
    ax.plot([left, right], [bottom, bottom], color=GREY, linewidth=0.5)
