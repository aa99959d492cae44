"""Filters: the distributions of a layer's weights, next to the weights of a plain network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zoo.plots.canvas import COLORS, as_array, hide_frame, sheet

_NUM_CURVES = 25  # weights whose own density is drawn
_BAYESIAN = COLORS[0]
_FREQUENTIST = COLORS[1]


def filters(
    bayesian: Mapping[str, tuple[Tensor, Tensor]],
    frequentist: Mapping[str, Tensor] | None = None,
    *,
    figure: Figure | None = None,
) -> Figure:
    r"""Draw the distribution of a layer's weights, a panel for each moment of training.

    .. math:: \frac1P \sum_i N(w \mid \mu_i, \sigma_i^2) \quad\text{and}\quad \{w_i\}

    The filled curve is the average over all weights, and a thin line is one weight. Bars
    are the weights of the network without distributions at the same moment. With
    training the means move apart, and the standard deviations fall where the data are
    informative.

    References:
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational
            Inference (Shridhar, Laumann, Liwicki, 2019), figures of filter weights over epochs

    Arguments:
        bayesian: Means and standard deviations of the layer's weights, each of any
            shape with P elements, by moment: `{"epoch 1": (mean, std), ...}`.
        frequentist: The weights of the plain network, P elements, by the same moments.
        figure: An empty figure to draw on; by default a new one.

    Raises:
        ValueError: No moment, other moments for the plain weights, or standard
            deviations that are not positive.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> mean, std = torch.randn(6, 1, 5, 5), torch.full((6, 1, 5, 5), 0.2)
        >>> moments = {"epoch 1": (0.1 * mean, 5 * std), "epoch 50": (mean, std)}
        >>> figure = plots.filters(moments, figure=Figure())
        >>> [ax.get_title() for ax in figure.axes]
        ['epoch 1', 'epoch 50']
    """
    has_other_moments = (
        frequentist is not None and frequentist.keys() != bayesian.keys()
    )
    if not bayesian or has_other_moments:
        raise ValueError(
            "give means and standard deviations of at least one moment, and frequentist weights "
            "of the same moments or none"
        )

    moments = {}
    for name, (mean, std) in bayesian.items():
        plain = None if frequentist is None else frequentist[name]
        moments[name] = _moment(name, mean, std, plain)

    reach = max(moment.reach for moment in moments.values())
    line = np.linspace(-1.05 * reach, 1.05 * reach, 600)

    figure = sheet(figure, (max(0.6 + 2.9 * len(moments), 6.0), 3.4))
    panels = figure.subplots(1, len(moments), sharex=True, squeeze=False)[0]
    for ax, (name, moment) in zip(panels, moments.items(), strict=True):
        _draw_moment(ax, line, moment)
        ax.set_title(name)
        ax.set(xlabel="weight", ylabel="density")

    entries = panels[0].get_legend_handles_labels()
    figure.legend(
        *entries,
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return figure


@dataclass(frozen=True)
class _Moment:
    """The weights at one moment of training.

    Arguments:
        mean: Means of the Bayesian weights, (P,).
        std: Their standard deviations, (P,).
        plain: The weights of the plain network, (P,), if there is one.
    """

    mean: np.ndarray
    std: np.ndarray
    plain: np.ndarray | None

    @property
    def reach(self) -> float:
        """The largest absolute value to show."""
        ends = abs(self.mean) + 3 * self.std
        reach = float(np.quantile(ends, 0.98))
        if self.plain is None:
            return reach
        return max(reach, float(abs(self.plain).max()))


def _moment(name: str, mean: Tensor, std: Tensor, plain: Tensor | None) -> _Moment:
    """Return the weights at one moment as arrays, and check them."""
    moment = _Moment(
        _flat(mean, "means"),
        _flat(std, "standard deviations"),
        None if plain is None else _flat(plain, "frequentist"),
    )
    same_number = moment.mean.shape == moment.std.shape
    if not same_number or not (moment.std > 0).all():
        raise ValueError(
            f"{name} has {len(moment.mean)} means and {len(moment.std)} standard deviations; give "
            "as many of both, and only positive standard deviations"
        )
    return moment


def _draw_moment(ax: Axes, line: np.ndarray, moment: _Moment) -> None:
    """Draw the average density, the densities of some weights, and the plain weights."""
    densities = []
    for mean, std in zip(moment.mean, moment.std, strict=True):
        densities.append(_normal(line, mean, std))

    average = np.mean(densities, 0)
    ax.fill_between(
        line,
        average,
        color=_BAYESIAN,
        alpha=0.3,
        linewidth=0,
    )
    curve = ax.plot(line, average, color=_BAYESIAN, linewidth=1.5)
    curve[0].set_label("Bayesian, all weights")

    _draw_some(ax, line, densities)
    if moment.plain is not None:
        ax.hist(
            moment.plain,
            bins=list(line[::12]),
            density=True,
            histtype="step",
            color=_FREQUENTIST,
            linewidth=1.3,
            label="frequentist",
        )

    ax.set_ylim(bottom=0)
    hide_frame(ax)


def _draw_some(ax: Axes, line: np.ndarray, densities: list[np.ndarray]) -> None:
    """Draw the densities of single weights at even distances over the layer."""
    last = len(densities) - 1
    num_curves = min(_NUM_CURVES, len(densities))
    label: str | None = "one weight, height divided by 4"
    for i in np.linspace(0, last, num_curves).astype(int):
        curve = ax.plot(
            line,
            densities[i] / 4,
            color=_BAYESIAN,
            linewidth=0.5,
            alpha=0.6,
        )
        curve[0].set_label(label)
        label = None  # once in the legend


def _normal(line: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Return a normal density at the points of a line."""
    standardised = (line - mean) / std
    return np.exp(-0.5 * standardised**2) / (std * np.sqrt(2 * np.pi))


def _flat(values: Tensor, name: str) -> np.ndarray:
    """Return a tensor of any shape as an array (P,)."""
    return as_array(values.flatten(), name, "P")
