"""Extrapolation: what is left of the prior's doubt as inputs move away from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction
from zoo.reports.table import Table, Tabled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Extrapolation(Tabled):
    """Doubt about the function beside the prior's, at growing distances from the data.

    Arguments:
        factors: How many times farther from their middle the inputs are, (K,).
        epistemic: The posterior's doubt there, (K,): a standard deviation in units of
            the targets, or nats of mutual information between class and draw.
        prior: The prior's, (K,).
    """

    factors: Tensor
    epistemic: Tensor
    prior: Tensor

    @property
    def ratios(self) -> Tensor:
        """The share of the prior's doubt that is left, (K,)."""
        return self.epistemic / self.prior.clamp_min(1e-12)

    @property
    def table(self) -> Table:
        """A row for each distance."""
        columns = (self.factors, self.epistemic, self.prior, self.ratios)
        return Table(
            ("times as far", "doubt", "prior's", "ratio"),
            list(zip(*map(Tensor.tolist, columns), strict=True)),
        )

    def plot(self) -> Axes:
        """Draw the doubt of prior and posterior over the distance."""
        from zoo import plots

        return plots.extrapolation(
            self.factors, {"posterior": self.epistemic}, self.prior
        )


def extrapolation(
    posterior: Posterior,
    x: Tensor,
    factors: Sequence[float] = (1, 2, 4, 8, 16),
    num_samples: int = 200,
) -> Extrapolation:
    r"""Push inputs out from their middle, and return what the posterior still epistemic there, beside the prior.

    .. math:: x'_n = \bar x + a (x_n - \bar x), \qquad
        \frac1N \sum_n \operatorname{sd}_q[f(x'_n; z)], \quad \frac1N \sum_n \operatorname{sd}_p[f(x'_n; z)]

    For classes the mutual information of class and draw takes the standard deviation's
    place. A posterior that is sure where there are no data is overconfident; the truth
    itself keeps less than the prior's doubt, so that a guide is to be held beside a
    sampler.

    References:
        Why ReLU networks yield high-confidence predictions far away from the training data and how to mitigate the
        problem (Hein, Andriushchenko, Bitterwolf, 2019)
        Being Bayesian, UniformMixture Just a Bit, Fixes Overconfidence in ReLU Networks (Kristiadi, Hein, Hennig, 2020)

    Arguments:
        posterior: The posterior of one of the zoo's models.
        x: Inputs of the data, (N, ...).
        factors: How many times farther than the data; 1 are the data themselves.
        num_samples: Draws of the posterior and of the prior.

    Raises:
        ValueError: An improper prior; a Pyro model of its own; a posterior that kept
            function values, not weights.

    Example:
        >>> extrapolation(posterior, data.train.x, factors=(1, 10)).ratios.shape
        torch.Size([2])
    """
    model = posterior.require_weights("extrapolation draws functions at new inputs")
    x = place_inputs(model, x)
    after = posterior.sample(posterior.num_available(num_samples))
    sides = after, model.prior_draws(num_samples)
    middle = x.mean(0)
    epistemic = [
        [doubt(posterior, draws, middle + factor * (x - middle)) for factor in factors]
        for draws in sides
    ]
    return Extrapolation(
        torch.tensor(factors, dtype=torch.float64), *map(torch.tensor, epistemic)
    )


def doubt(posterior: Posterior, draws: dict[str, Tensor], x: Tensor) -> float:
    """Return the mean standard deviation of the function, or mutual information, of draws at inputs."""
    model = posterior.model
    epistemic = Prediction(
        model.likelihood, evaluate_draws(model, draws, posterior.state, x), draws
    ).epistemic
    return float(
        epistemic.mean() if model.likelihood.discrete else epistemic.sqrt().mean()
    )
