"""A grid of the negative log posterior on a plane, with its picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.landscape.points.location import Span
from zoo.landscape.points.target import Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTITIES = {
    "values": "negative log posterior, nats per datum",
    "prior": "minus log prior, nats per datum",
    "loss": "training loss, nats per datum",
    "test_error": "test error",
}


@dataclass(frozen=True, eq=False, repr=False)
class Plane:
    """The negative log posterior on a grid of a plane, in nats per datum.

    Arguments:
        x: Horizontal coordinates, distances of weights, (W,).
        y: Vertical coordinates, (H,).
        values: Negative log posterior, the sum of the next two, (H, W).
        prior: Minus the log density of the prior, (H, W).
        loss: Training loss, minus the log likelihood of the data, (H, W).
        test_error: Share of wrong classes or root mean squared error on test data, (H, W);
            None without test data.
        points: Coordinates of the three points, (3, 2).
        span: The three points as weight vectors.
        target: The negative log posterior that was evaluated.
        names: Names of the points that are marked in the picture.
        draws: Coordinates of the draws of which it is the plane of largest variance, (S, 2);
            None for a plane through given points.
        share: Share of the variance of these draws that is in the plane; NaN without draws.

    Example:
        >>> plane = landscape.plane(posterior, data=data, shape=(2, 2))
        >>> torch.allclose(plane.prior + plane.loss, plane.values), plane.draws.shape
        (True, torch.Size([100, 2]))
    """

    x: Tensor
    y: Tensor
    values: Tensor
    prior: Tensor
    loss: Tensor
    test_error: Tensor | None
    points: Tensor
    span: Span
    target: Target
    names: tuple[str, ...] = ("a", "b", "c")
    draws: Tensor | None = None
    share: float = math.nan

    @property
    def batch_norm(self) -> str:
        """What was done about statistics of batch normalisation.

        "none" for a network that has none, "recompute" or "carry".
        """
        return self.target.batch_norm

    def plot(
        self,
        quantity: str = "values",
        *,
        solid: bool = False,
        figure: Figure | None = None,
    ) -> Figure:
        """Draw filled contours with the points and draws, or a surface in three dimensions.

        Arguments:
            quantity: What is drawn: "values", "prior", "loss" or "test_error".
            solid: Whether to draw a surface in three dimensions.
            figure: An empty figure to draw on; by default a new one.

        Raises:
            ValueError: Another quantity, or the test error without test data.
        """
        from zoo import plots

        return plots.surface(
            self.x,
            self.y,
            self._grid(quantity),
            points=self.points[: len(self.names)],
            names=self.names,
            draws=self.draws,
            label=QUANTITIES[quantity],
            solid=solid,
            figure=figure,
        )

    def _grid(self, quantity: str) -> Tensor:
        """Return one of the grids, (H, W)."""
        if quantity not in QUANTITIES:
            names = ", ".join(map(repr, QUANTITIES))
            raise ValueError(f"quantity must be one of {names}, not {quantity!r}")

        grid = getattr(self, quantity)
        if grid is None:
            raise ValueError(
                "this plane has no test error, because it had no test data; write "
                "landscape.plane(..., test=data.test)"
            )

        return grid

    def __repr__(self) -> str:
        size = "x".join(map(str, self.values.shape))
        low, high = float(self.values.min()), float(self.values.max())
        norm = ""
        if self.batch_norm != "none":
            norm = f", batch_norm={self.batch_norm!r}"

        share = ""
        if self.draws is not None:
            share = f", {self.share:.0%} of the variance of its draws"

        return f"Plane({size}, {low:.4g} to {high:.4g} nats per datum{norm}{share})"


def evaluate(target: Target, span: Span, points: Tensor, x: Tensor, y: Tensor) -> Plane:
    """Evaluate the negative log posterior on the grid of a plane.

    Arguments:
        target: The negative log posterior.
        span: Three weight vectors that span the plane.
        points: Their coordinates, (3, 2), in double precision.
        x: Horizontal coordinates of the grid, (W,).
        y: Vertical coordinates of the grid, (H,).
    """
    rows, columns = torch.meshgrid(y.double(), x.double(), indexing="ij")
    grid = torch.stack([columns, rows], -1).reshape(-1, 2)

    terms = target.terms(span.at(barycentric(points, grid)))
    shape = rows.shape
    error = terms.test_error

    return Plane(
        x=x,
        y=y,
        values=terms.values.reshape(shape),
        prior=terms.prior.reshape(shape),
        loss=terms.loss.reshape(shape),
        test_error=None if error is None else error.reshape(shape),
        points=points,
        span=span,
        target=target,
    )


def barycentric(points: Tensor, at: Tensor) -> Tensor:
    """Return the weights (S, 3) of three points (3, 2) whose combinations are at (S, 2)."""
    sides = points[1:] - points[0]
    others = torch.linalg.solve(sides.T, (at - points[0]).T).T
    first = 1 - others.sum(-1, keepdim=True)

    return torch.cat([first, others], -1)
