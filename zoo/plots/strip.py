"""Strip: images in a row, and under each what is predicted and how surely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import COLORS, TRUTH, numbers, sheet

IN_A_ROW = 10
RIGHT, WRONG = COLORS[2], COLORS[1]
PARTS = (("total", TRUTH), ("aleatoric", COLORS[4]), ("epistemic", COLORS[0]))


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
    r"""Draw images, and under each the predicted class and its uncertainty in nats: total, aleatoric, epistemic.

    .. math:: \underbrace{H[\bar p]}_\text{total} = \underbrace{\tfrac1S \sum_s H[p_s]}_\text{aleatoric} +
        \underbrace{I[y; w]}_\text{epistemic}

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk
        Decomposition of Uncertainty in Bayesian Deep Learning (Depeweg et al., 2018)

    Arguments:
        images: Pixels, (N, C, H, W), grey where C is 1; what leaves [0, 1] is shown as
            black or white.
        predicted: Class indices, (N,).
        total: Entropy of the averaged probabilities, (N,).
        epistemic: Mutual information of class and draw, (N,); aleatoric is the rest.
        true: The right classes, (N,), by which predictions are green or red.
        titles: A word above each image, such as the severity.
        figure: An empty figure to draw on; a new one without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> images, nats = torch.rand(3, 1, 8, 8), torch.tensor([0.1, 0.5, 2.0])
        >>> figure = plots.strip(images, torch.tensor([7, 7, 1]), nats, 0.5 * nats, true=[7, 7, 7], figure=Figure())
        >>> len(figure.axes)
        6
    """
    pixels = numbers(images, "images", "N, C, H, W").clip(0, 1).transpose(0, 2, 3, 1)
    number = len(pixels)
    classes, sums, doubts = (
        numbers(values, name, f"{number}")
        for values, name in (
            (predicted, "predicted"),
            (total, "total"),
            (epistemic, "epistemic"),
        )
    )
    nats = np.stack([sums, sums - doubts, doubts], 1)  # (N, 3), in the order of PARTS
    columns = min(number, IN_A_ROW)
    rows = -(-number // columns)
    figure = sheet(figure, (0.9 + 1.15 * columns, 2.35 * rows))
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[1.6, 1.0] * rows)
    most = max(float(sums.max()), 0.05)
    for i in range(number):
        row, column = divmod(i, columns)
        above, below = (
            figure.add_subplot(grid[2 * row + part, column]) for part in (0, 1)
        )
        above.imshow(
            pixels[i].squeeze(-1) if pixels.shape[-1] == 1 else pixels[i],
            cmap="gray",
            vmin=0,
            vmax=1,
        )
        above.set(xticks=[], yticks=[], title="" if titles is None else titles[i])
        above.title.set_fontsize("small")
        color = (
            "black"
            if true is None
            else RIGHT
            if int(true[i]) == int(classes[i])
            else WRONG
        )
        above.set_xlabel(
            f"{int(classes[i])}",
            color=color,
            fontweight="bold",
            fontsize="large",
            labelpad=2,
        )
        bars(below, nats[i], most, named=column == 0)
    return figure


def bars(ax: Axes, nats: np.ndarray, most: float, named: bool) -> None:
    """Draw the three uncertainties of an image as bars with their numbers."""
    place = np.arange(len(PARTS))
    ax.barh(place, nats, 0.72, color=[color for _, color in PARTS])
    for y, value in zip(place, nats, strict=True):
        ax.text(most * 0.03 + value, y, f"{value:.2f}", va="center", fontsize="x-small")
    ax.set(xlim=(0, 1.45 * most), ylim=(2.6, -0.6), xticks=[])
    ax.set_yticks(place, [name for name, _ in PARTS] if named else [])
    ax.set_xlabel("nats" if named else "", fontsize="small")
    ax.tick_params(length=0, labelsize="small")
    ax.spines[["top", "right", "bottom"]].set_visible(False)
