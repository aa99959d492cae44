"""Pixels: images with their labels, predictions and uncertainties, a row each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from zoo.plots.canvas import COLORS, as_array, color_of, sheet

_TITLES = ("image", "label", "prediction", "total", "epistemic", "aleatoric")
_PALE = 0.55  # share of white in the pale colours
_VOID = (0.0, 0.0, 0.0)


def pixels(
    images: Tensor,
    labels: Tensor,
    predicted: Tensor,
    total: Tensor,
    epistemic: Tensor,
    *,
    classes: Sequence[object],
    figure: Figure | None = None,
) -> Figure:
    r"""Draw images with their label maps, predictions, and the uncertainty of each pixel in nats.

    .. math:: \underbrace{H[\bar p]}_\text{total} =
        \underbrace{I[y; w]}_\text{epistemic} +
        \underbrace{\tfrac1S \sum_s H[p_s]}_\text{aleatoric}

    Each image has a row. A kind of uncertainty has one scale for all images, which is
    written above its column. Labels that are no class are black.

    References:
        Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder Architectures
        for Scene Understanding (Kendall, Badrinarayanan, Cipolla, 2017)
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?
        (Kendall, Gal, 2017)

    Arguments:
        images: Pixels between 0 and 1, (N, C, H, W), grey if C is 1.
        labels: Label maps, (N, H, W).
        predicted: Predicted classes, (N, H, W).
        total: Entropy of the averaged probabilities, (N, H, W).
        epistemic: Mutual information of class and draw, (N, H, W); the rest is aleatoric.
        classes: Names of the classes, (O,).
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: Shapes that do not fit.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> images, nats = torch.rand(2, 3, 8, 8), torch.rand(2, 8, 8)
        >>> labels = torch.randint(3, (2, 8, 8))
        >>> figure = plots.pixels(
        ...     images, labels, labels, nats, 0.5 * nats, classes="abc", figure=Figure())
        >>> len(figure.axes)
        12
    """
    shown = as_array(images, "images", "N, C, H, W").clip(0, 1)
    number, _, height, width = shown.shape
    shape = f"{number}, {height}, {width}"
    maps = [as_array(labels, "labels", shape), as_array(predicted, "predicted", shape)]
    totals = as_array(total, "total", shape)
    epistemics = as_array(epistemic, "epistemic", shape)
    nats = [totals, epistemics, (totals - epistemics).clip(0)]

    figure = sheet(figure, (13.0, 0.9 + 13.0 / 6 * number * height / width))
    axes = figure.subplots(number, len(_TITLES), squeeze=False)
    for row in range(number):
        _draw_image(axes[row, 0], shown[row])
        for ax, map_ in zip(axes[row, 1:3], maps, strict=True):
            ax.imshow(_colours(map_[row].astype(int), len(classes)))
        for ax, values in zip(axes[row, 3:], nats, strict=True):
            ax.imshow(values[row], cmap="magma", vmin=0, vmax=float(values.max()))

    _write_titles(axes, nats)
    _write_classes(figure, classes)

    return figure


def _draw_image(ax: Axes, image: np.ndarray) -> None:
    """Draw an image (C, H, W)."""
    is_grey = image.shape[0] == 1
    ax.imshow(image[0] if is_grey else image.transpose(1, 2, 0), cmap="gray", vmax=1)


def _colours(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the colour of each pixel of a label map, (H, W, 3)."""
    palette = np.array([_colour(index) for index in range(num_classes)] + [_VOID])
    is_class = (labels >= 0) & (labels < num_classes)

    return palette[np.where(is_class, labels, num_classes)]


def _colour(index: int) -> tuple[float, ...]:
    """Return the colour of a class: seven strong ones, then seven pale ones, then again."""
    strong = to_rgb(color_of(index))
    is_pale = index // len(COLORS) % 2 == 1
    if not is_pale:
        return strong

    return tuple(_PALE + (1 - _PALE) * part for part in strong)


def _write_titles(axes: np.ndarray, nats: Sequence[np.ndarray]) -> None:
    """Write the titles of the columns, those of uncertainties with their scale."""
    titles = list(_TITLES[:3])
    for name, values in zip(_TITLES[3:], nats, strict=True):
        titles.append(f"{name}, 0 to {values.max():.2f} nats")

    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize="small")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])


def _write_classes(figure: Figure, classes: Sequence[object]) -> None:
    """Write the names of the classes in their colours below the images."""
    patches = [
        Patch(color=_colour(index), label=str(name))
        for index, name in enumerate(classes)
    ]
    figure.legend(
        handles=patches,
        loc="outside lower center",
        ncols=len(patches),
        fontsize="x-small",
        frameon=False,
    )
