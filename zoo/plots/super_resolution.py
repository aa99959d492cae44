"""A super-resolved image: what goes in, the mean, its uncertainty and error, the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import as_array, sheet

_TITLES = (
    "low resolution",
    "bicubic",
    "mean",
    "standard deviation",
    "absolute error",
    "target",
)


def super_resolution(
    low: Tensor,
    bicubic: Tensor,
    mean: Tensor,
    std: Tensor,
    target: Tensor,
    *,
    limits: tuple[float, float] = (16.0, 235.0),
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw a small image, its interpolation, the predictive mean and sd, the error, the target.

    Standard deviation and error have a colour scale each, from 0 to their 99 % quantile:
    a good posterior is uncertain where the error is large.

    References:
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?
        (Kendall, Gal, 2017), figure 1

    Arguments:
        low: The small image, (h, w).
        bicubic: Its interpolation, (H, W).
        mean: The predictive mean, (H, W).
        std: The predictive standard deviation, (H, W).
        target: The true image, (H, W).
        limits: The values of black and of white.
        axes: Six axes to draw on; by default those of a new figure.

    Raises:
        ValueError: Images of several sizes, or another number of axes.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> low, image = torch.zeros(4, 4), torch.zeros(8, 8)
        >>> axes = Figure().subplots(1, 6)
        >>> axes = plots.super_resolution(low, image, image, image, image, axes=axes)
        >>> axes[3].get_title()
        'standard deviation'
    """
    true = as_array(target, "target", "H, W")
    shape = f"{true.shape[0]}, {true.shape[1]}"
    predicted = as_array(mean, "mean", shape)
    grey = {
        "low resolution": as_array(low, "low", "h, w"),
        "bicubic": as_array(bicubic, "bicubic", shape),
        "mean": predicted,
        "target": true,
    }
    coloured = {
        "standard deviation": as_array(std, "std", shape),
        "absolute error": np.abs(predicted - true),
    }

    drawn = _six(axes)
    for ax, title in zip(drawn, _TITLES, strict=True):
        if title in grey:
            ax.imshow(grey[title], cmap="gray", vmin=limits[0], vmax=limits[1])
        else:
            _draw_scale(ax, coloured[title])

        ax.set(title=title, xticks=[], yticks=[])
        ax.title.set_fontsize("small")

    return drawn


def _six(axes: Sequence[Axes] | None) -> list[Axes]:
    """Return the axes to draw on."""
    if axes is None:
        axes = sheet(None, (13.0, 2.6)).subplots(1, len(_TITLES))

    drawn = list(axes)
    if len(drawn) != len(_TITLES):
        raise ValueError(f"give {len(_TITLES)} axes, not {len(drawn)}")

    return drawn


def _draw_scale(ax: Axes, values: np.ndarray) -> None:
    """Draw values in colours from 0 to their 99 % quantile, with the scale beside them."""
    highest = max(float(np.quantile(values, 0.99)), 1e-12)
    image = ax.imshow(values, cmap="viridis", vmin=0, vmax=highest)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.02)
    bar.set_label("grey levels", fontsize="small")
