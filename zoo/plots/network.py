"""Network: a whole Bayesian network from image to class, its kernels as grids of small densities."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from torch import Tensor

from zoo.plots.canvas import COLORS, TRUTH, numbers, sheet

SIDE = 5  # rows and columns of weights that are drawn of a linear layer
IN_A_ROW = 7
BELOW, ABOVE = COLORS[0], COLORS[1]


def network(
    weights: Mapping[str, tuple[Tensor, Tensor]],
    *,
    image: Tensor | None = None,
    probs: Tensor | None = None,
    figure: Figure | None = None,
) -> Figure:
    r"""Draw every layer as a box, and in it the densities of some of its weights.

    .. math:: w_i \sim N(\mu_i, \sigma_i^2)

    Of a convolution the kernel with the largest means is shown, tap by tap; of a linear
    layer five by five weights, of outputs (downwards) and inputs that lie evenly over
    the layer. In each cell the dotted line is zero; a density is blue where its mean is
    negative and red where it is positive, as strongly as the mean outweighs the
    standard deviation. All cells of a layer share their range, so that wide is
    uncertain.

    References:
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference (Shridhar, Laumann,
        Liwicki, 2019), figure 1
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015), figure 1

    Arguments:
        weights: Means and standard deviations by layer, in the order of the network:
            (O, C, height, width) of a convolution, (O, I) of a linear layer; vectors,
            such as biases, are left out.
        image: What goes in, (C, H, W), to be drawn in front.
        probs: Class probabilities of every draw, (S, O), to be drawn behind, as means
            and central 90 %.
        figure: An empty figure to draw on; a new one without it.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> draws = posterior.sample(50)
        >>> weights = {name: (value.mean(0), value.std(0)) for name, value in draws.items()}
        >>> [ax.get_title() for ax in plots.network(weights, figure=Figure()).axes]
        ['layer1', 'layer2']
    """
    layers = {
        name: pair for name, pair in weights.items() if pair[0].dim() in (2, 3, 4)
    }
    if not layers:
        raise ValueError(
            "no weights of a linear or convolution layer are given; give (O, I) or (O, C, height, width)"
        )
    steps = [
        *(["image"] if image is not None else []),
        *layers,
        *(["probs"] if probs is not None else []),
    ]
    columns = min(len(steps), IN_A_ROW)
    rows = -(-len(steps) // columns)
    figure = sheet(figure, (1.95 * columns, 2.75 * rows))
    if figure.get_layout_engine() is not None:
        figure.get_layout_engine().set(wspace=0.12, hspace=0.08)
    axes = [
        figure.add_subplot(rows, columns, number + 1) for number in range(len(steps))
    ]
    for ax, name in zip(axes, steps, strict=True):
        if name in layers:
            draw_layer(ax, name, *layers[name])
        elif name == "image":
            draw_image(ax, image)
        else:
            draw_probs(ax, probs)
    for number in range(len(axes) - 1):
        if (number + 1) % columns:
            join(figure, axes[number], axes[number + 1])
    return figure


def draw_layer(ax: Axes, name: str, mean: Tensor, std: Tensor) -> None:
    """Draw a layer's box: a grid of densities, and what the layer is."""
    shape = tuple(mean.shape)
    means = numbers(mean, f"means of {name}", ", ".join("OIHW"[: len(shape)]))
    stds = numbers(std, f"standard deviations of {name}", ", ".join(map(str, shape)))
    if not (stds >= 0).all():
        raise ValueError(
            f"{name} has negative standard deviations; give those of its weights"
        )
    some = chosen(means)
    cells, widths = means[some], np.maximum(stds[some], 1e-6)
    reach = 1.05 * float(np.quantile(abs(cells) + 2 * widths, 0.95))
    line = np.linspace(-1, 1, 61)
    for (row, column), m in np.ndenumerate(cells):
        draw_cell(ax, row, column, line, m / reach, widths[row, column] / reach)
    ax.set(
        xlim=(-0.08, cells.shape[1] + 0.08),
        ylim=(cells.shape[0] + 0.08, -0.08),
        xticks=[],
        yticks=[],
    )
    ax.set_aspect("equal")
    ax.set_title(name.removesuffix(".weight"), fontsize="medium", fontweight="bold")
    times = " x ".join(map(str, shape[2:] or shape))
    what = (
        f"{shape[0]} x {shape[1]} kernels of {times}"
        if mean.dim() > 2
        else f"{times} weights"
    )
    certain = np.median(abs(means) / np.maximum(stds, 1e-12))
    ax.set_xlabel(f"{what}\n|mean| / std {certain:.1f}", fontsize="small")


def draw_cell(
    ax: Axes, row: int, column: int, line: np.ndarray, mean: float, std: float
) -> None:
    """Draw one weight's density in its cell; line, mean and std are in units of the layer's range."""
    place, bottom = column + 0.5 + 0.46 * line, row + 0.93
    height = 0.84 * np.exp(-0.5 * ((line - mean) / std) ** 2)
    color = (
        BELOW if mean < 0 else ABOVE
    ) + f"{int(60 + 195 * math.erf(abs(mean) / std / 2**0.5)):02x}"
    ax.fill_between(place, bottom, bottom - height, facecolor=color, linewidth=0)
    ax.plot([column + 0.5] * 2, [row + 0.09, bottom], ":", color=TRUTH, linewidth=0.6)
    ax.plot([column + 0.04, column + 0.96], [bottom] * 2, color=TRUTH, linewidth=0.5)


def chosen(means: np.ndarray) -> tuple:
    """Return the index of the weights to draw: the kernel of the largest means, or rows and columns spread evenly."""
    if means.ndim > 2:
        sizes = np.square(means).sum(tuple(range(2, means.ndim)))
        place = np.unravel_index(sizes.argmax(), sizes.shape)
        return (*place, None) if means.ndim == 3 else place
    return np.ix_(
        *(np.linspace(0, side - 1, min(side, SIDE)).astype(int) for side in means.shape)
    )


def draw_image(ax: Axes, image: Tensor) -> None:
    """Draw what goes in."""
    pixels = numbers(image, "image", "C, H, W").transpose(1, 2, 0).clip(0, 1)
    ax.imshow(
        pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels,
        cmap="gray",
        vmin=0,
        vmax=1,
    )
    ax.set(xticks=[], yticks=[])
    ax.set_title("image", fontsize="medium")
    ax.set_xlabel(" x ".join(map(str, image.shape)), fontsize="small")


def draw_probs(ax: Axes, probs: Tensor) -> None:
    """Draw the mean of each class's probability, and between which values 90 % of the draws lie."""
    values = numbers(probs, "probs", "S, O")
    low, high = np.quantile(values, (0.05, 0.95), axis=0)
    place, mean = np.arange(values.shape[1]), values.mean(0)
    ax.barh(
        place, mean, 0.8, color=[ABOVE if i == mean.argmax() else TRUTH for i in place]
    )
    ax.hlines(place, low, high, color="black", linewidth=1.2)
    ax.set(xlim=(0, 1), ylim=(len(place) - 0.4, -0.6), box_aspect=1)
    ax.set_xticks([0, 1])
    ax.set_yticks(place if len(place) <= 12 else place[::10])
    ax.yaxis.tick_right()  # clear of the arrow
    ax.tick_params(labelsize="x-small", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title("class", fontsize="medium")
    ax.set_xlabel("probability, 90 % of draws", fontsize="small")


def join(figure: Figure, left: Axes, right: Axes) -> None:
    """Draw an arrow from one box to the next."""
    figure.add_artist(
        ConnectionPatch(
            (1.03, 0.5), (-0.03, 0.5), "axes fraction", "axes fraction", axesA=left, axesB=right, arrowstyle="-|>",
            mutation_scale=12, color=TRUTH,
        )
    )  # fmt: skip
