"""Filters: the weights of a convolution as distributions, beside those of a network without any."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import COLORS, numbers, sheet

CURVES = 25  # weights whose own density is drawn
OURS, THEIRS = COLORS[0], COLORS[1]


def filters(
    bayesian: Mapping[str, tuple[Tensor, Tensor]],
    frequentist: Mapping[str, Tensor] | None = None,
    *,
    figure: Figure | None = None,
) -> Figure:
    r"""Draw the distribution of a layer's weights, a panel for each moment of training.

    .. math:: \frac1P \sum_i N(w \mid \mu_i, \sigma_i^2) \quad\text{beside}\quad \{w_i\}

    The filled curve is the average over all weights, a thin line is one weight; bars
    are the values of the network without distributions, at the same moment. With
    training means move apart and standard deviations shrink where the data speak.

    References:
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference (Shridhar, Laumann,
        Liwicki, 2019), figures of filter weights over epochs

    Arguments:
        bayesian: Means and standard deviations of the layer's weights, each of any
            shape with P entries, by moment: `{"epoch 1": (mean, std), ...}`.
        frequentist: The plain network's weights, P entries, by the same moments.
        figure: An empty figure to draw on; a new one without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> mean, std = torch.randn(6, 1, 5, 5), torch.full((6, 1, 5, 5), 0.2)
        >>> figure = plots.filters({"epoch 1": (0.1 * mean, 5 * std), "epoch 50": (mean, std)}, figure=Figure())
        >>> [ax.get_title() for ax in figure.axes]
        ['epoch 1', 'epoch 50']
    """
    if not bayesian or (
        frequentist is not None and frequentist.keys() != bayesian.keys()
    ):
        raise ValueError(
            "give means and standard deviations of one moment at least, and plain weights of the same."
        )
    moments = {
        name: tuple(map(flat, pair, ("means", "standard deviations")))
        for name, pair in bayesian.items()
    }
    plain = {
        name: flat(values, "frequentist")
        for name, values in (frequentist or {}).items()
    }
    for name, (mean, std) in moments.items():
        if mean.shape != std.shape or not (std > 0).all():
            raise ValueError(
                f"{name} has {len(mean)} means and {len(std)} standard deviations; give positive ones."
            )
    reach = max(
        float(np.quantile(abs(mean) + 3 * std, 0.98)) for mean, std in moments.values()
    )
    reach = max([reach, *(float(abs(values).max()) for values in plain.values())])
    line = np.linspace(-1.05 * reach, 1.05 * reach, 600)
    figure = sheet(figure, (max(0.6 + 2.9 * len(moments), 6.0), 3.4))
    panels = figure.subplots(1, len(moments), sharex=True, squeeze=False)[0]
    for ax, (name, (mean, std)) in zip(panels, moments.items(), strict=True):
        draw_moment(ax, line, mean, std, plain.get(name))
        ax.set_title(name)
        ax.set_xlabel("weight")
    panels[0].set_ylabel("density")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return figure


def draw_moment(
    ax: Axes,
    line: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    plain: np.ndarray | None,
) -> None:
    """Draw one moment: the average density, some of the weights', and the plain network's values."""
    average = np.mean([normal(line, m, s) for m, s in zip(mean, std, strict=True)], 0)
    ax.fill_between(line, average, color=OURS, alpha=0.3, linewidth=0)
    ax.plot(line, average, color=OURS, linewidth=1.5, label="Bayesian, all weights")
    some = np.linspace(0, len(mean) - 1, min(CURVES, len(mean))).astype(int)
    for number, i in enumerate(some):
        curve = normal(line, mean[i], std[i])
        label = None if number else "one weight, height divided by 4"
        ax.plot(line, curve / 4, color=OURS, linewidth=0.5, alpha=0.6, label=label)
    if plain is not None:
        ax.hist(
            plain,
            bins=line[::12],
            density=True,
            histtype="step",
            color=THEIRS,
            linewidth=1.3,
            label="frequentist",
        )
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)


def normal(line: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Return a normal density along a line."""
    return np.exp(-0.5 * ((line - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def flat(values: Tensor, name: str) -> np.ndarray:
    """Return numbers of any shape as (P,)."""
    return numbers(values.flatten(), name, "P")
