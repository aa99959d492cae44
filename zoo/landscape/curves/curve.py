"""A curve of weights between two fits, as a posterior whose draws are its points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.landscape.surfaces.line import Line
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Curve(DrawsPosterior):
    """A curve of low negative log posterior between two fits; its draws are points along it.

    It predicts as every posterior does: `predict` averages over evenly spaced points. The draws
    are those of a path, not of the posterior itself.

    Arguments:
        model: The model.
        draws: Values (1, T, *shape) of every latent site along the curve.
        state: Frozen weights and buffers by name.
        kind: "bezier" or "polychain".
        profile: The negative log posterior along the curve.
        bends: The control points between the ends, weights by name.
        losses: Negative log posterior of each step of the fit, in nats per datum, (K,).

    Example:
        >>> other = {name: value + 0.1 for name, value in posterior.means().items()}
        >>> curve = landscape.connect(posterior, other, data, num_epochs=1, batch_size=None,
        ...                           num_points=3, progress=False)
        >>> curve.source, sorted(curve.bend)[0]
        ('a bezier curve of 3 points', 'layer1.bias')
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        draws: Mapping[str, Tensor],
        state: Mapping[str, Tensor],
        kind: str,
        profile: Line,
        bends: list[dict[str, Tensor]],
        losses: Tensor,
    ) -> None:
        super().__init__(model, draws=draws, state=state, info=None)
        self.kind = kind
        self.profile = profile
        self.bends = bends
        self.losses = losses

    @property
    def source(self) -> str:
        """The kind of the curve and the number of points."""
        return f"a {self.kind} curve of {self.num_samples} points"

    @property
    def barrier(self) -> float:
        """The largest rise along the curve above the chord of the ends, in nats per datum."""
        return self.profile.barrier

    @property
    def bend(self) -> dict[str, Tensor]:
        """The control point in the middle, weights by name, which `landscape.plane` takes."""
        return self.bends[len(self.bends) // 2]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the negative log posterior and its two terms along the curve.

        Arguments:
            ax: The axis, by default that of a new figure.
        """
        return self.profile.plot(ax)


def curve_weights(kind: str, t: Tensor, num_bends: int) -> Tensor:
    r"""Return the weights (T, K + 2) of both ends and K bends between them, at t (T,).

    .. math:: \phi(t) = (1 - t)^2 z_a + 2 t (1 - t) \theta + t^2 z_b
        \quad\text{or pieces of straight lines}

    With more bends a Bezier curve has the weights of its Bernstein polynomials.

    Arguments:
        kind: "bezier" or "polychain".
        t: Positions from 0 to 1.
        num_bends: Number of bends K.
    """
    degree = num_bends + 1
    numbers = torch.arange(degree + 1).to(t)
    if kind == "polychain":
        return (1 - (degree * t[:, None] - numbers).abs()).clamp_min(0)

    ways = torch.tensor(degree + 1.0).lgamma() - (
        (numbers + 1).lgamma() + (degree - numbers + 1).lgamma()
    )

    return (
        ways.exp().to(t)
        * t[:, None] ** numbers
        * (1 - t[:, None]) ** (degree - numbers)
    )
