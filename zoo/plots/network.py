"""Network: a whole Bayesian network from image to class, with densities of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from torch import Tensor

from zoo.plots.canvas import COLORS, GREY, as_array, hide_frame, sheet
from zoo.plots.layer import draw_layer

_MOST_COLUMNS = 7
_MOST_PROBABLE = COLORS[1]


def network(
    weights: Mapping[str, tuple[Tensor, Tensor]],
    *,
    image: Tensor | None = None,
    probs: Tensor | None = None,
    figure: Figure | None = None,
) -> Figure:
    r"""Draw each layer as a box, with the densities of some of its weights inside.

    .. math:: w_i \sim N(\mu_i, \sigma_i^2)

    For a convolution, the kernel with the largest means is shown, with a cell for each
    of its weights. For a linear layer, five by five weights are shown, of outputs
    (downwards) and inputs at even distances over the layer. In each cell the dotted line
    is zero. A density is blue if its mean is negative and red if it is positive, and the
    colour is strong if the mean is large compared with the standard deviation. All cells
    of a layer have the same range, so that a wide density is an uncertain weight.

    References:
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational
            Inference (Shridhar, Laumann, Liwicki, 2019), figure 1
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra,
            2015), figure 1

    Arguments:
        weights: Means and standard deviations by layer, in the order of the network:
            (O, C, height, width) of a convolution, (O, I) of a linear layer; vectors,
            such as biases, are not drawn.
        image: An input image, (C, H, W), to be drawn first.
        probs: Class probabilities of every draw, (S, O), to be drawn last, as means and
            central 90 %.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: No weight of a layer, shapes that do not fit, or negative standard
            deviations.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> draws = posterior.sample(50)
        >>> weights = {name: (value.mean(0), value.std(0)) for name, value in draws.items()}
        >>> [ax.get_title() for ax in plots.network(weights, figure=Figure()).axes]
        ['layer1', 'layer2']
    """
    layers = {}
    for name, (mean, std) in weights.items():
        if mean.dim() in (2, 3, 4):
            layers[name] = (mean, std)

    if not layers:
        raise ValueError(
            "give weights of at least one linear or convolution layer, of shape (O, I) or "
            "(O, C, height, width)"
        )

    num_boxes = len(layers) + (image is not None) + (probs is not None)
    figure, boxes = _boxes(figure, num_boxes)

    remaining = iter(boxes)
    if image is not None:
        _draw_image(next(remaining), image)

    for name, (mean, std) in layers.items():
        draw_layer(next(remaining), name, mean, std)

    if probs is not None:
        _draw_probs(next(remaining), probs)

    _join_boxes(figure, boxes)
    return figure


def _boxes(figure: Figure | None, number: int) -> tuple[Figure, list[Axes]]:
    """Return the figure, and an axis for each box."""
    columns = min(number, _MOST_COLUMNS)
    rows = math.ceil(number / columns)
    figure = sheet(figure, (1.95 * columns, 2.75 * rows))
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(wspace=0.12, hspace=0.08)

    boxes = []
    for place in range(1, number + 1):
        boxes.append(figure.add_subplot(rows, columns, place))
    return figure, boxes


def _draw_image(ax: Axes, image: Tensor) -> None:
    pixels = as_array(image, "image", "C, H, W").transpose(1, 2, 0).clip(0, 1)
    if pixels.shape[-1] == 1:
        pixels = pixels.squeeze(-1)

    sizes = [str(size) for size in image.shape]

    ax.imshow(
        pixels,
        cmap="gray",
        vmin=0,
        vmax=1,
    )
    ax.set(xticks=[], yticks=[])
    ax.set_title("image", fontsize="medium")
    ax.set_xlabel(" x ".join(sizes), fontsize="small")


def _draw_probs(ax: Axes, probs: Tensor) -> None:
    """Draw the mean probability of each class, and the range of 90 % of its draws."""
    values = as_array(probs, "probs", "S, O")
    low, high = np.quantile(values, (0.05, 0.95), axis=0)
    mean = values.mean(0)
    place = np.arange(len(mean))
    shades = [GREY] * len(mean)
    shades[mean.argmax()] = _MOST_PROBABLE

    ax.barh(place, mean, 0.8, color=shades)
    ax.hlines(place, low, high, color="black", linewidth=1.2)
    ax.set(xlim=(0, 1), ylim=(len(place) - 0.4, -0.6), box_aspect=1)
    ax.set_xticks([0, 1])
    ax.set_yticks(place if len(place) <= 12 else place[::10])
    ax.yaxis.tick_right()  # so that the arrow does not cross them
    ax.tick_params(labelsize="x-small", length=0)
    hide_frame(ax)
    ax.yaxis.set_label_position("right")
    ax.set_ylabel("class", fontsize="small")
    ax.set_title("prediction", fontsize="medium")
    ax.set_xlabel("probability, 90 % of draws", fontsize="small")


def _join_boxes(figure: Figure, boxes: list[Axes]) -> None:
    """Draw an arrow from each box to the next one in its row."""
    for number in range(1, len(boxes)):
        starts_a_row = number % _MOST_COLUMNS == 0
        if starts_a_row:
            continue

        arrow = ConnectionPatch(
            xyA=(1.03, 0.5),
            xyB=(-0.03, 0.5),
            coordsA="axes fraction",
            coordsB="axes fraction",
            axesA=boxes[number - 1],
            axesB=boxes[number],
            arrowstyle="-|>",
            mutation_scale=12,
            color=GREY,
        )
        figure.add_artist(arrow)
