"""Extrapolation: the epistemic uncertainty of the posterior and of the prior far from the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.posterior.posterior import Posterior
from zoo.predictive.inputs import place_inputs
from zoo.reports.table import Table, Tabled
from zoo.runtime.rows import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Extrapolation(Tabled):
    """Epistemic uncertainty of posterior and prior, at growing distances from the data.

    Arguments:
        factors: How many times farther from their mean the inputs are, (K,).
        epistemic: The posterior's epistemic uncertainty there, (K,): a standard
            deviation in units of the targets, or nats of mutual information between
            class and draw.
        prior: The prior's, (K,).
        unit: "nats" of mutual information, or "" for the unit of the targets.

    Example:
        >>> factors = torch.tensor([1.0, 8.0])
        >>> found = Extrapolation(factors, torch.tensor([0.1, 0.6]), torch.tensor([1.0, 1.2]))
        >>> found.ratios  # far away a half of the prior's uncertainty is left
        tensor([0.1000, 0.5000])
    """

    factors: Tensor
    epistemic: Tensor
    prior: Tensor
    unit: str = ""

    @property
    def ratios(self) -> Tensor:
        """The posterior's uncertainty divided by the prior's, (K,)."""
        return self.epistemic / self.prior.clamp_min(1e-12)

    @property
    def table(self) -> Table:
        """A row for each distance."""
        values = [self.factors, self.epistemic, self.prior, self.ratios]
        rows = list(zip(*map(Tensor.tolist, values), strict=True))

        columns = ("times as far", "epistemic", "prior's", "ratio")
        return Table(columns, rows)

    def plot(self) -> Axes:
        """Draw the uncertainty of prior and posterior over the distance."""
        from zoo import plots

        curves = {"posterior": self.epistemic}
        if not self.unit:
            return plots.extrapolation(self.factors, curves, self.prior)

        ylabel = f"mutual information of class and draw, {self.unit}"
        return plots.extrapolation(self.factors, curves, self.prior, ylabel=ylabel)


def extrapolation(
    posterior: Posterior,
    x: Tensor,
    factors: Sequence[float] = (1, 2, 4, 8, 16),
    num_samples: int = 200,
) -> Extrapolation:
    r"""Move inputs away from their mean, and return the epistemic uncertainty there.

    .. math:: x'_n = \bar x + a (x_n - \bar x), \qquad
        \frac1N \sum_n \operatorname{sd}_q[f(x'_n; z)],
        \quad \frac1N \sum_n \operatorname{sd}_p[f(x'_n; z)]

    For classes the mutual information of class and draw takes the place of the standard
    deviation. A posterior that is certain where there are no data is overconfident. The
    exact posterior too is less uncertain than the prior, so compare a guide with a
    sampler.

    References:
        Why ReLU networks yield high-confidence predictions far away from the training data
        and how to mitigate the problem (Hein, Andriushchenko, Bitterwolf, 2019)
        Being Bayesian, Even Just a Bit, Fixes Overconfidence in ReLU Networks
        (Kristiadi, Hein, Hennig, 2020)

    Arguments:
        posterior: The posterior of one of the zoo's models.
        x: Inputs of the data, (N, ...).
        factors: How many times farther than the data; 1 are the data themselves.
        num_samples: Number of draws of the posterior and of the prior.

    Raises:
        ValueError: An improper prior, or a posterior without draws of weights.

    Example:
        >>> extrapolation(posterior, data.train.x, factors=(1, 10)).ratios.shape
        torch.Size([2])
    """
    model = posterior.require_weights("extrapolation draws functions at new inputs")
    x = place_inputs(model, x)
    if not isinstance(x, Tensor):
        raise ValueError(
            f"extrapolation scales inputs that are one tensor, not {describe(x)}; scale the "
            "inputs yourself and compare posterior.predict with model.prior_predictive"
        )

    draws = posterior.sample(posterior.num_available(num_samples))
    prior_draws = model.prior_draws(num_samples)

    mean = x.mean(0)
    inputs = [mean + factor * (x - mean) for factor in factors]
    epistemic = [_epistemic(posterior, draws, moved) for moved in inputs]
    prior = [_epistemic(posterior, prior_draws, moved) for moved in inputs]

    return Extrapolation(
        factors=torch.tensor(factors, dtype=torch.float64),
        epistemic=torch.tensor(epistemic),
        prior=torch.tensor(prior),
        unit="nats" if model.likelihood.discrete else "",
    )


def _epistemic(posterior: Posterior, draws: Mapping[str, Tensor], x: Tensor) -> float:
    """Return the mean standard deviation of the function, or mutual information, at inputs."""
    prediction = posterior.predict_with(draws, x)
    uncertainty = prediction.epistemic
    if not prediction.has_classes:
        uncertainty = uncertainty.sqrt()

    return float(uncertainty.mean())
