"""Strip: images in a row, with the predicted class and its uncertainty below each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import COLORS, GREY, as_array, sheet

_MOST_COLUMNS = 10
_RIGHT = COLORS[2]
_WRONG = COLORS[1]
_PARTS = ("total", "aleatoric", "epistemic")
_PART_COLORS = (GREY, COLORS[4], COLORS[0])


def strip(
    images: Tensor,
    predicted: Tensor,
    total: Tensor,
    epistemic: Tensor,
    *,
    true: Sequence[int] | None = None,
    titles: Sequence[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    r"""Draw images with the predicted class and its uncertainty in nats below each.

    .. math:: \underbrace{H[\bar p]}_\text{total} =
        \underbrace{\tfrac1S \sum_s H[p_s]}_\text{aleatoric} +
        \underbrace{I[y; w]}_\text{epistemic}

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk
        Decomposition of Uncertainty in Bayesian Deep Learning (Depeweg et al., 2018)

    Arguments:
        images: Pixels, (N, C, H, W), grey if C is 1; values outside [0, 1] are shown as
            black or white.
        predicted: Class indices, (N,).
        total: Entropy of the averaged probabilities, (N,).
        epistemic: Mutual information of class and draw, (N,); the rest is aleatoric.
        true: The true classes, (N,); a right prediction is green, and below a wrong one, in
            red, is the true class too.
        titles: A word above each image, e.g. the severity.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: Shapes that do not fit.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> images, nats = torch.rand(3, 1, 8, 8), torch.tensor([0.1, 0.5, 2.0])
        >>> predicted, true = torch.tensor([7, 7, 1]), [7, 7, 7]
        >>> figure = plots.strip(images, predicted, nats, 0.5 * nats, true=true, figure=Figure())
        >>> len(figure.axes)
        6
    """
    pixels = as_array(images, "images", "N, C, H, W").clip(0, 1)
    number = len(pixels)
    classes = as_array(predicted, "predicted", f"{number}").astype(int)
    nats = _three_parts(total, epistemic, number)
    longest = max(float(nats[:, 0].max()), 0.05)

    columns = min(number, _MOST_COLUMNS)
    rows = math.ceil(number / columns)
    width = 0.9 + 1.15 * columns
    figure = sheet(figure, (width, 2.35 * rows))
    heights = [1.6, 1.0] * rows
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=heights)

    for i in range(number):
        row, column = divmod(i, columns)
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column])

        _draw_image(above, pixels[i])
        if titles is not None:
            above.set_title(titles[i], fontsize="small")

        _write_class(above, classes[i], None if true is None else int(true[i]))
        _draw_bars(below, nats[i], longest, is_named=column == 0)
    return figure


def _three_parts(total: Tensor, epistemic: Tensor, number: int) -> np.ndarray:
    """Return total, aleatoric and epistemic uncertainty of each image, (N, 3)."""
    totals = as_array(total, "total", f"{number}")
    epistemics = as_array(epistemic, "epistemic", f"{number}")
    aleatorics = totals - epistemics
    return np.stack([totals, aleatorics, epistemics], 1)


def _draw_image(ax: Axes, pixels: np.ndarray) -> None:
    """Draw an image (C, H, W)."""
    shown = pixels.transpose(1, 2, 0)
    if shown.shape[-1] == 1:
        shown = shown.squeeze(-1)

    ax.imshow(
        shown,
        cmap="gray",
        vmin=0,
        vmax=1,
    )
    ax.set(xticks=[], yticks=[])


def _write_class(ax: Axes, predicted: int, true: int | None) -> None:
    """Write the predicted class below an image, and the true one if it is another."""
    is_wrong = true is not None and predicted != true
    text = f"{predicted}, not {true}" if is_wrong else f"{predicted}"
    color = "black" if true is None else _WRONG if is_wrong else _RIGHT
    ax.set_xlabel(
        text,
        color=color,
        fontweight="bold",
        fontsize="large",
        labelpad=2,
    )


def _draw_bars(ax: Axes, nats: np.ndarray, longest: float, is_named: bool) -> None:
    """Draw the three uncertainties of an image as bars with their values.

    Arguments:
        ax: The axis.
        nats: The uncertainties, (3,).
        longest: The longest bar of all images.
        is_named: Whether to name the bars.
    """
    places = np.arange(len(_PARTS))
    ax.barh(places, nats, 0.72, color=_PART_COLORS)
    for place, value in zip(places, nats, strict=True):
        end = longest * 0.03 + value
        ax.text(end, float(place), f"{value:.2f}", va="center", fontsize="x-small")

    ax.set(xlim=(0, 1.45 * longest), ylim=(2.6, -0.6), xticks=[])
    ax.set_yticks(places, _PARTS if is_named else [])
    ax.set_xlabel("nats", fontsize="small")
    ax.tick_params(length=0, labelsize="small")
    ax.spines[["top", "right", "bottom"]].set_visible(False)
