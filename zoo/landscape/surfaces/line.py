"""The negative log posterior along the straight line between two fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.data import Data
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.location import Span
from zoo.landscape.points.target import BatchNorm, Target, Terms
from zoo.reports.table import Table, Tabled
from zoo.runtime.counts import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Line(Tabled):
    """The negative log posterior at points of a line or a curve, in nats per datum.

    Arguments:
        t: Position of each point, from 0 to 1, (T,).
        values: Negative log posterior, the sum of the next two, (T,).
        prior: Minus the log density of the prior, (T,).
        loss: Training loss, minus the log likelihood of the data, (T,).
        test_error: Share of wrong classes or root mean squared error on test data, (T,);
            None without test data.
        batch_norm: What was done about statistics of batch normalisation: "none" for a network
            that has none, "recompute" or "carry".

    Example:
        >>> t, values = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([1.0, 4.0, 3.0])
        >>> Line(t, values, values / 2, values / 2, None, "none").barrier
        2.0
    """

    t: Tensor
    values: Tensor
    prior: Tensor
    loss: Tensor
    test_error: Tensor | None
    batch_norm: str

    @classmethod
    def of(cls, t: Tensor, terms: Terms, batch_norm: str) -> Line:
        """Return the line of terms at positions t (T,)."""
        prior, loss, test_error = terms

        return cls(t, terms.values, prior, loss, test_error, batch_norm)

    @property
    def barrier(self) -> float:
        r"""The largest rise above the chord between the ends, in nats per datum.

        .. math:: \max_t L(t) - (1 - t) L(0) - t L(1)
        """
        chord = self.values[0] + self.t * (self.values[-1] - self.values[0])

        return float((self.values - chord).max())

    @property
    def table(self) -> Table:
        """The numbers, in a row for each point."""
        columns = {
            "t": self.t,
            "negative log posterior": self.values,
            "prior": self.prior,
            "training loss": self.loss,
        }
        if self.test_error is not None:
            columns["test error"] = self.test_error

        rows = torch.stack(list(columns.values()), -1).tolist()

        return Table(tuple(columns), rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the negative log posterior and its two terms along the line.

        Arguments:
            ax: The axis, by default that of a new figure.
        """
        from zoo import plots

        curves = {
            "negative log posterior": self.values,
            "prior": self.prior,
            "training loss": self.loss,
        }

        return plots.profile(self.t, curves, ax=ax)


def line(
    a: End,
    b: End,
    data: Data,
    num_points: int = 25,
    *,
    test: Data | None = None,
    batch_norm: BatchNorm = "recompute",
) -> Line:
    r"""Evaluate the negative log posterior on the straight line between two weight vectors.

    .. math:: L(t) = -\tfrac1N \log p(z_t) - \tfrac1N \log p(y \mid z_t), \quad
        z_t = (1 - t) z_a + t z_b

    References:
        Qualitatively characterizing neural network optimization problems (Goodfellow,
            Vinyals, Saxe, 2015)
        Linear Mode Connectivity and the Lottery Ticket Hypothesis (Frankle, Dziugaite,
            Roy, Carbin, 2020)

    Arguments:
        a: The end at t = 0: a posterior, which stands for its mean, or weights by name.
        b: The end at t = 1.
        data: The data that were fitted, in any form; of a data set with a test part, the
            test error is evaluated too.
        num_points: Number of points T, the ends included.
        test: Test data, for the test error.
        batch_norm: "recompute" takes statistics of batch normalisation anew from the data at
            every point; "carry" moves them along with the weights.

    Raises:
        ValueError: Ends of different models.

    Example:
        >>> straight = landscape.line(posterior, posterior, data, num_points=3)
        >>> straight.values.shape, straight.barrier
        (torch.Size([3]), 0.0)
    """
    check_count("num_points", num_points, minimum=2)
    target = Target(model_of([a, b]), data, test, batch_norm)
    span = Span(locations([a, b], target))

    t = torch.linspace(0, 1, num_points).to(target.model.first_parameter)
    terms = target.terms(span.at(torch.stack([1 - t, t], -1)))

    return Line.of(t, terms, target.batch_norm)
