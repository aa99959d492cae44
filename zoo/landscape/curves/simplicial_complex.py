"""A simplicial complex of weights, as a posterior whose draws are uniform points of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.landscape.points.target import Terms
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.reports.table import Table, Tabled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Inside(Tabled):
    """The negative log posterior at points inside of a complex, in nats per datum.

    Arguments:
        weights: Weights of the vertices at each point, (S, K).
        values: Negative log posterior, the sum of the next two, (S,).
        prior: Minus the log density of the prior, (S,).
        loss: Training loss, minus the log likelihood of the data, (S,).
        test_error: Share of wrong classes or root mean squared error on test data, (S,);
            None without test data.
        at_vertices: Negative log posterior at the vertices, (K,).
        batch_norm: What was done about statistics of batch normalisation: "none" for a network
            that has none, "recompute" or "carry".
    """

    weights: Tensor
    values: Tensor
    prior: Tensor
    loss: Tensor
    test_error: Tensor | None
    at_vertices: Tensor
    batch_norm: str

    @classmethod
    def of(cls, weights: Tensor, terms: Terms, batch_norm: str) -> Inside:
        """Return the profile of terms at the K vertices and at points with weights (S, K)."""
        number = weights.shape[1]
        values = terms.values
        error = terms.test_error

        return cls(
            weights=weights,
            values=values[number:],
            prior=terms.prior[number:],
            loss=terms.loss[number:],
            test_error=None if error is None else error[number:],
            at_vertices=values[:number],
            batch_norm=batch_norm,
        )

    @property
    def barrier(self) -> float:
        r"""The largest rise at a point above the mean of the vertices, in nats per datum.

        .. math:: \max_s \Big( L(z_s) - \sum_k w_{sk} L(z_k) \Big)
        """
        plane = self.weights.to(self.values) @ self.at_vertices

        return float((self.values - plane).max())

    @property
    def table(self) -> Table:
        """The numbers: their mean and largest inside, and those of the vertices."""
        rows = [
            ("vertices", float(self.at_vertices.mean()), float(self.at_vertices.max())),
            ("inside", float(self.values.mean()), float(self.values.max())),
            ("inside, prior", float(self.prior.mean()), float(self.prior.max())),
            ("inside, training loss", float(self.loss.mean()), float(self.loss.max())),
        ]
        if self.test_error is not None:
            error = self.test_error
            rows.append(("inside, test error", float(error.mean()), float(error.max())))

        return Table(("negative log posterior", "mean", "largest"), rows)


class SimplicialComplex(DrawsPosterior):
    """A simplicial complex of low negative log posterior; its draws are uniform points of it.

    It predicts as every posterior does: `predict` averages over the points. The draws are
    uniform in the complex, and not those of the posterior itself.

    Arguments:
        model: The model.
        draws: Values (1, S, *shape) of every latent site at the points.
        state: Frozen weights and buffers by name.
        vertices: The vertices, weights by name: the fits, and then those that were found.
        num_fits: Number of the first vertices, each of which has a simplex with all found ones.
        volume: Sum of the volumes of the simplexes.
        profile: The negative log posterior at the points.
        losses: Mean negative log posterior of each step, in nats per datum, (K, T) for each
            found vertex.

    Example:
        >>> around = landscape.simplex(posterior, data, num_vertices=2, num_epochs=1,
        ...                            num_points=3, progress=False)
        >>> around.predict(data.test.x).mean.shape, around.source
        (torch.Size([31, 1]), '1 simplex of dimension 2, 3 points')
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        draws: Mapping[str, Tensor],
        state: Mapping[str, Tensor],
        vertices: Sequence[Mapping[str, Tensor]],
        num_fits: int,
        volume: float,
        profile: Inside,
        losses: Tensor,
    ) -> None:
        super().__init__(model, draws=draws, state=state, info=None)
        self.vertices = vertices
        self.num_fits = num_fits
        self.volume = volume
        self.profile = profile
        self.losses = losses

    @property
    def source(self) -> str:
        """The number of simplexes, their dimension and the number of points."""
        dimension = len(self.vertices) - self.num_fits
        several = "es" if self.num_fits > 1 else ""
        return (
            f"{self.num_fits} simplex{several} of dimension {dimension}, "
            f"{self.num_samples} points"
        )

    @property
    def barrier(self) -> float:
        """The largest rise inside above the mean of the vertices, in nats per datum."""
        return self.profile.barrier

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the negative log posterior and its two terms at the points, each sorted.

        Arguments:
            ax: The axis, by default that of a new figure.
        """
        from zoo import plots

        inside = self.profile
        curves = {
            "negative log posterior": inside.values.sort().values,
            "prior": inside.prior.sort().values,
            "training loss": inside.loss.sort().values,
        }
        share = torch.linspace(0, 1, self.num_samples)
        ax = plots.profile(share, curves, ax=ax)
        ax.set_xlabel("share of the points inside")

        return ax
