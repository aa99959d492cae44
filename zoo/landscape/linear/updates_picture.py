"""The picture of linear regression: the posterior of two coefficients, and what it predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from zoo.landscape.linear.linear_model import LinearModel
from zoo.plots.band import predictive_band
from zoo.plots.canvas import COLORS, GREY, hide_frame

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (9.0, 4.2)
_LEVELS = (0.99, 0.9, 0.5)
_NUM_LINES = 12
_POSTERIOR, _MLE, _MAP = COLORS[0], COLORS[1], COLORS[2]
_WIDTH = 3.0  # of the picture of the weights, in standard deviations of the prior


class LinearUpdate(NamedTuple):
    """What is known of the coefficients after some data.

    Arguments:
        size: Number of data.
        mle: Maximum likelihood, (2,), or NaN.
        map: Maximum a posteriori, the mean of the posterior, (2,).
        covariance: Covariance of the posterior, (2, 2).
        volume: Its volume as a share of the prior's.
    """

    size: int
    mle: Tensor
    map: Tensor
    covariance: Tensor
    volume: float


class UpdatesPicture:
    """Draws the posterior on the left, and lines and the predictive band on the right.

    Arguments:
        model: The model, with two coefficients and one input.
        truth: The coefficients that made the data, (2,), if they are known.

    Raises:
        ValueError: Other than two coefficients or one input.
    """

    def __init__(
        self, model: LinearModel, truth: Tensor | Sequence[float] | None
    ) -> None:
        has_one_input = isinstance(model.x, Tensor) and model.x[0].numel() == 1
        if len(model.loc) != 2 or not has_one_input:
            raise ValueError(
                f"the picture is of two coefficients and one input, but there are "
                f"{len(model.loc)} coefficients; read map and covariance instead"
            )

        self.model = model
        self.truth = None if truth is None else torch.as_tensor(truth).double()
        self.x = model.x.double().flatten()
        low, high = float(self.x.min()), float(self.x.max())
        margin = 0.3 * (high - low)
        self.grid = torch.linspace(low - margin, high + margin, 60).double()
        generator = torch.Generator().manual_seed(0)
        self.normals = torch.randn(_NUM_LINES, 2, generator=generator).double()
        self.labels = self._labels()

    def draw(self, figure: Figure, update: LinearUpdate) -> None:
        """Draw the state after some data on an empty figure."""
        left, right = figure.subplots(1, 2)
        self._draw_weights(left, update)
        self._draw_lines(right, update)

        data = "1 datum" if update.size == 1 else f"{update.size} data"
        figure.suptitle(
            f"after {data}: the posterior has {100 * update.volume:.3g} % of the prior's volume"
        )

    def _draw_weights(self, ax: Axes, update: LinearUpdate) -> None:
        """Draw the posterior in the space of the weights, with the prior and the estimates."""
        loc, scale = self.model.loc, self.model.scale
        hide_frame(ax)
        ax.plot(*_ellipse(loc, scale.square().diag(), 0.9), "--", color=GREY)
        for level in _LEVELS:
            outline = _ellipse(update.map, update.covariance, level)
            ax.fill(*outline, color=_POSTERIOR, alpha=0.3, linewidth=0)

        if self.truth is not None:
            ax.plot(*self.truth.numpy(), "k*", markersize=11, label="truth")

        has_mle = bool(update.mle.isfinite().all())
        label = "MLE" if has_mle else "no MLE yet"
        ax.plot(*update.mle.numpy(), "X", color=_MLE, markersize=8, label=label)
        ax.plot(*update.map.numpy(), "o", color=_MAP, markersize=6, label="MAP")
        low = (loc - _WIDTH * scale).tolist()
        high = (loc + _WIDTH * scale).tolist()
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        ax.set(xlabel=self.labels[0], ylabel=self.labels[1])
        ax.set_title("posterior: 50, 90, 99 %; dashed: prior, 90 %", fontsize="medium")
        ax.legend(loc="upper right", framealpha=0.7, edgecolor="none", fontsize="small")

    def _draw_lines(self, ax: Axes, update: LinearUpdate) -> None:
        """Draw the band of new targets, draws of the line, and both estimates."""
        hide_frame(ax)
        x, grid = self.x.numpy(), self.grid.numpy()
        inputs = self._inputs()
        mean, std = self.model.predict(inputs, update.map, update.covariance)
        predictive_band(
            self.grid,
            mean,
            std,
            levels=(0.9,),
            color=_POSTERIOR,
            linestyle="none",  # the median is the line of the MAP
            ylabel="y",
            ax=ax,
        )

        root = torch.linalg.cholesky(update.covariance)
        weights = torch.cat(
            [update.map + self.normals @ root.T, update.mle[None], update.map[None]]
        )
        outputs = self.model.offset(inputs) + weights @ self.model.features(inputs).T
        lines = outputs.numpy()
        ax.plot(grid, lines[:-2].T, color=_POSTERIOR, linewidth=0.7, alpha=0.5)
        ax.plot(grid, lines[-2], color=_MLE, linewidth=2, linestyle="--", label="MLE")
        ax.plot(grid, lines[-1], color=_MAP, linewidth=2, label="MAP")

        seen, y = x[: update.size], self.model.y[: update.size].numpy()
        ax.plot(seen, y, "k.", markersize=7)
        ax.plot(seen[-1:], y[-1:], "o", color="black", fillstyle="none", markersize=11)
        low, high = float(self.model.y.min()), float(self.model.y.max())
        margin = 0.5 * (high - low)
        ax.set(ylim=(low - margin, high + margin), xlabel="x", ylabel="y")
        ax.set_title("new data: 90 %; thin: draws of the line", fontsize="medium")

    def _inputs(self) -> Tensor:
        """Return the grid as inputs of the network, (G, ...)."""
        return self.grid.reshape(-1, *self.model.x.shape[1:]).to(self.model.x)

    def _labels(self) -> list[str]:
        """Name the coefficients of a line by what they are, and others by their sites."""
        labels = []
        features = self.model.features(self._inputs())
        for name, feature in zip(self.model.names, features.T, strict=True):
            if torch.allclose(feature, self.grid):
                name = "slope"
            elif torch.allclose(feature, torch.ones_like(feature)):
                name = "intercept"
            labels.append(name)

        return labels


def _ellipse(mean: Tensor, covariance: Tensor, level: float) -> np.ndarray:
    """Return the outline (2, T) of the region of a normal that has a probability.

    Arguments:
        mean: Mean, (2,).
        covariance: Covariance, (2, 2).
        level: The probability.
    """
    angle = torch.linspace(0, 2 * math.pi, 100, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()])
    radius = math.sqrt(-2 * math.log(1 - level))

    outline = mean[:, None] + radius * torch.linalg.cholesky(covariance) @ circle

    return outline.numpy()
