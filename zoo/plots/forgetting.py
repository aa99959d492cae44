"""Forgetting: the accuracy on each task after each task, and its average over the tasks so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.canvas import as_array, colors, hide_frame, ink_on, sheet
from zoo.plots.curves import marker
from zoo.plots.legends import legend_inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

_MANY = 5  # tasks above which the numbers in the cells have a smaller font


def forgetting(
    matrices: Mapping[str, Tensor], *, figure: Figure | None = None
) -> Figure:
    r"""Draw the accuracies of each method as a heat map, and the curves of their averages.

    .. math:: A_i = \frac{1}{i} \sum_{j \le i} R_{ij}

    The heat maps share their colours, from the lowest accuracy of all to 1. The curves have
    two standard errors over the seeds.

    References:
        Gradient Episodic Memory for Continual Learning (Lopez-Paz, Ranzato, 2017)

    Arguments:
        matrices: Accuracies after learning task i, on the test data of task j, by method,
            (T, T) or (S, T, T) for S seeds; NaN for tasks not yet learned.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: Matrices of other shapes, or of different numbers of tasks.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> R = torch.tensor([[0.9, float("nan")], [0.6, 0.9]])
        >>> figure = plots.forgetting({"fine-tuning": R}, figure=Figure())
        >>> figure.axes[0].get_title(), figure.axes[-1].get_ylabel()
        ('fine-tuning', 'accuracy on the tasks so far')
    """
    values = _arrays(matrices)
    lowest = min(float(np.nanmin(value)) for value in values.values())

    figure = sheet(figure, (1.0 + 3.0 * (1 + len(values)), 3.4), "compressed")
    axes = figure.subplots(1, 1 + len(values), squeeze=False)[0]
    for ax, (name, value) in zip(axes, values.items(), strict=False):
        accuracy_matrix(ax, value, name, lowest=lowest)

    average_curves(axes[-1], matrices)
    hide_frame(axes[-1])

    return figure


def accuracy_matrix(
    ax: Axes, values: np.ndarray, title: str, *, lowest: float = 0.0
) -> None:
    """Draw accuracies as a heat map with a number in each cell, in per cent.

    Arguments:
        ax: The axis.
        values: Accuracies of S seeds, whose mean is drawn, (S, T, T).
        title: The name of the method.
        lowest: The accuracy that has the darkest colour.
    """
    mean = values.mean(0)
    number = len(mean)
    image = ax.imshow(mean, cmap="viridis", vmin=lowest, vmax=1.0)
    size = 9 if number <= _MANY else 6
    for i in range(number):
        for j in range(number):
            if np.isfinite(mean[i, j]):
                color = ink_on(image.to_rgba(mean[i, j]))
                text = f"{100 * mean[i, j]:.0f}"
                ax.text(
                    j, i, text, ha="center", va="center", color=color, fontsize=size
                )

    names = [str(task) for task in range(1, number + 1)]
    ax.set_xticks(range(number), names)
    ax.set_yticks(range(number), names)
    ax.set(xlabel="accuracy on task, %", ylabel="after task", title=title)


def average_curves(ax: Axes, matrices: Mapping[str, Tensor]) -> None:
    """Draw the average accuracy on the tasks so far, with two standard errors over seeds.

    Arguments:
        ax: The axis.
        matrices: Accuracies by method, (T, T) or (S, T, T).
    """
    values = _arrays(matrices)
    shades = colors(len(values))
    for index, (name, value) in enumerate(values.items()):
        num_seeds, number, _ = value.shape
        curves = np.stack(
            [value[:, i, : i + 1].mean(-1) for i in range(number)], axis=-1
        )  # (S, T)
        error = None
        if num_seeds > 1:
            error = 2 * curves.std(0, ddof=1) / num_seeds**0.5

        ax.errorbar(
            range(1, number + 1),
            curves.mean(0),
            yerr=error,
            fmt=f"{marker(index)}-",
            ms=5,
            color=shades[index],
            label=name,
        )

    ax.set(xlabel="tasks learned", ylabel="accuracy on the tasks so far")
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend_inside(ax)


def _arrays(matrices: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return matrices (S, T, T) by method.

    Raises:
        ValueError: There is none, or one has another shape.
    """
    if not matrices:
        raise ValueError("there is no matrix to draw; give one for each method")

    number = next(iter(matrices.values())).shape[-1]
    found = {}
    for name, matrix in matrices.items():
        stacked = matrix[None] if matrix.dim() == 2 else matrix
        found[name] = as_array(stacked, name, f"S, {number}, {number}")

    return found
