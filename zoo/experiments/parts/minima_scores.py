"""Scores of a minimum of the training loss, all of which are said to tell how it generalises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo import landscape
from zoo.datasets import Split
from zoo.inference import Laplace
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior

_SMALL = 1e-12
_CEILING = 0.1  # of the training loss in a basin, as published, in nats per datum


@dataclass(frozen=True)
class Score:
    """What a score is, and how two minima are compared by it.

    Arguments:
        name: Its name, with the unit.
        is_ratio: Whether the log10 of a ratio is compared, else a difference.
        is_high: Whether the better minimum should have the larger score.
    """

    name: str
    is_ratio: bool
    is_high: bool

    def compared(self, one: Tensor, other: Tensor) -> Tensor:
        """Return by how much one minimum has more than another, over seeds (K,)."""
        if self.is_ratio:
            return (one.clamp_min(_SMALL) / other.clamp_min(_SMALL)).log10()

        return one - other


SCORES = (
    Score("largest eigenvalue of the Hessian", is_ratio=True, is_high=False),
    Score("trace of the Hessian", is_ratio=True, is_high=False),
    Score("sharpness within 0.1", is_ratio=True, is_high=False),
    Score("rise under noise of 0.01", is_ratio=True, is_high=False),
    Score("largest eigenvalue, relative", is_ratio=True, is_high=False),
    Score("rise under relative noise of 0.1", is_ratio=True, is_high=False),
    Score("effective dimension", is_ratio=True, is_high=False),
    Score("normalised radius of the basin", is_ratio=True, is_high=True),
    Score("log volume of the basin, nats", is_ratio=False, is_high=True),
    Score("log mass of the basin, nats", is_ratio=False, is_high=True),
    Score("log evidence by Laplace, nats", is_ratio=False, is_high=True),
    Score("log evidence, prior tuned, nats", is_ratio=False, is_high=True),
    Score("mean margin of logits", is_ratio=True, is_high=True),
    Score("mean margin over spectral norms", is_ratio=True, is_high=True),
    Score("minus log prior, nats", is_ratio=False, is_high=False),
)


def scores_of(
    end: DrawsPosterior, train: Split, num_directions: int
) -> dict[str, float]:
    """Return all scores of a minimum by name.

    Arguments:
        end: The minimum, a posterior of one draw.
        train: The training data.
        num_directions: Random directions in which the size of the basin is measured.
    """
    data = tuple(train)
    flat = landscape.flatness(end, data, radius=0.1, noise=0.01)
    relative = landscape.flatness(end, data, radius=1.0, noise=0.1, relative=True)
    dimension = landscape.curvature(end, data, num_eigenvalues=3).effective_dimension
    ceiling = max(_CEILING, 2 * flat.loss)
    balls = [
        landscape.basin(
            end,
            data,
            ceiling=ceiling,
            num_directions=num_directions,
            normalised=normalised,
        )
        for normalised in (True, False)
    ]
    tuned = [_log_evidence(end, data, tuning) for tuning in (None, "scalar")]
    prior = landscape.line(end, end, data, 2).prior[0] * len(train.x)

    numbers = (
        flat.eigenvalue,
        flat.trace,
        flat.sharpness,
        flat.rise,
        relative.eigenvalue,
        relative.rise,
        dimension,
        balls[0].radius,
        balls[1].log_volume,
        balls[1].log_mass,
        *tuned,
        *_margins(end, train),
        float(prior),
    )

    return {score.name: number for score, number in zip(SCORES, numbers, strict=True)}


def _log_evidence(end: DrawsPosterior, data: tuple, tuning: str | None) -> float:
    """Return the log evidence by Laplace's approximation around the minimum, in nats."""
    model = BayesianNetwork(end.network(), end.model.prior, end.model.likelihood)
    engine = Laplace(
        model,
        structure="kron",
        num_samples=1,
        num_steps=0,
        prior_structure=tuning,
        progress=False,
    )

    return engine.fit(data).info.log_marginal_likelihood


def _margins(end: DrawsPosterior, train: Split) -> tuple[float, float]:
    """Return the mean margin of the training data, and that over the product of norms."""
    logits = end.predict(train.x, num_samples=1, progress=False).outputs[0]
    right = nn.functional.one_hot(train.y, logits.shape[-1]).bool()
    others = logits.masked_fill(right, -torch.inf).amax(-1)
    margin = float((logits[right] - others).mean())

    return margin, margin / _product_of_norms(end.means())


def _product_of_norms(weights: Mapping[str, Tensor]) -> float:
    """Return the product of the spectral norms of all matrices."""
    product = 1.0
    for value in weights.values():
        if value.dim() > 1:
            product *= float(torch.linalg.matrix_norm(value.flatten(1), ord=2))

    return product
