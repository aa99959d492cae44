"""Two minima of one training loss: one that generalises, and one that does not."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target, Terms
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.reports.table import Table, Tabled


@dataclass(frozen=True, repr=False, eq=False)
class Minima(Tabled):
    """A good and a bad minimum of one training loss, each a posterior of one draw.

    Arguments:
        good: The minimum of the right labels alone.
        bad: The minimum of the right labels and the wrong ones of other data.
        terms: The negative log posterior of both, the good one first, (2,) each.
        distance: The Euclidean distance of their weights.
    """

    good: DrawsPosterior
    bad: DrawsPosterior
    terms: Terms
    distance: float

    @property
    def loss(self) -> float:
        """The training loss of both, in nats per datum."""
        return float(self.terms.loss.mean())

    @property
    def table(self) -> Table:
        """The negative log posterior, its two terms and the test error of both."""
        rows = [
            ("negative log posterior, nats per datum", *self.terms.values.tolist()),
            ("minus log prior, nats per datum", *self.terms.prior.tolist()),
            ("training loss, nats per datum", *self.terms.loss.tolist()),
        ]
        if self.terms.test_error is not None:
            rows.append(("test error", *self.terms.test_error.tolist()))

        return Table(("at equal training loss", "good", "bad"), rows)


def minima_at(target: Target, good: torch.Tensor, bad: torch.Tensor) -> Minima:
    """Return the minima at two weight vectors (P,).

    Arguments:
        target: The negative log posterior of the right labels.
        good: Weights of the good one, in unconstrained coordinates.
        bad: Weights of the bad one.
    """
    at = Location(torch.stack([good, bad]), {})
    draws = target.draws(at)

    ends = []
    for number in range(2):
        draw = {name: value[None, number, None] for name, value in draws.items()}
        end = DrawsPosterior(target.model, draws=draw, state=target.state, info=None)
        ends.append(end)

    return Minima(*ends, target.terms(at), float((good - bad).norm()))
