"""Out of distribution: does uncertainty separate other inputs from those of the data's kind?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo import metrics
from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table, Tabled
from zoo.stress.draws import NetworkDraws, sample_draws
from zoo.stress.evaluation import evaluate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Inputs = Dataset | tuple[Tensor, Tensor] | Tensor


@dataclass(frozen=True, repr=False, eq=False)
class OutOfDistribution(Tabled):
    """Uncertainty for inputs inside and outside the distribution of the data.

    Arguments:
        inside: Uncertainty of each input of the data's kind, (N,), by the measure's
            name.
        outside: The same for inputs of another kind, (M,).

    Example:
        >>> inside, outside = torch.tensor([0.1, 0.3]), torch.tensor([0.2, 0.9])
        >>> OutOfDistribution({"entropy": inside}, {"entropy": outside}).auroc
        {'entropy': 0.75}
    """

    inside: Mapping[str, Tensor]
    outside: Mapping[str, Tensor]

    @property
    def auroc(self) -> dict[str, float]:
        """The probability that an input outside is more uncertain than one inside, by measure.

        0.5 is no separation.
        """
        areas = {}
        for name, values in self.inside.items():
            areas[name] = separation(values, self.outside[name])

        return areas

    @property
    def table(self) -> Table:
        """The AUROC and the mean uncertainties, in a row for each measure."""
        rows = []
        for name, area in self.auroc.items():
            mean_inside = float(self.inside[name].mean())
            mean_outside = float(self.outside[name].mean())
            rows.append((name, area, mean_inside, mean_outside))

        columns = ("measure", "AUROC", "mean inside", "mean outside")
        return Table(columns, rows)

    def plot(self) -> Figure:
        """Draw a histogram of each measure, inside and outside."""
        from zoo import plots

        return plots.out_of_distribution(self.inside, self.outside, auroc=self.auroc)


def out_of_distribution(
    posterior: Posterior, inside: Inputs, outside: Inputs, *, num_samples: int = 100
) -> OutOfDistribution:
    r"""Separate inputs of another kind from those of the data's kind by their uncertainty.

    .. math:: \text{AUROC} = P(u(x_\text{outside}) > u(x_\text{inside}))

    There are three measures of uncertainty: the entropy of the averaged probabilities,
    the mutual information of class and draw, and one minus the highest probability. The
    last one needs no posterior; it is the baseline of the other two.

    References:
        A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
        Networks (Hendrycks, Gimpel, 2017)
        Understanding Measures of Uncertainty for Adversarial Example Detection (Smith,
        Gal, 2018)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        inside: Held-out inputs of the data's kind: a data set, whose test part is used,
            or inputs (N, ...) as the network takes them, or a pair of such inputs and
            labels; labels are not used.
        outside: Inputs of another kind. If both are data sets, these are standardised
            with the units of `inside`, which the network was trained with.
        num_samples: Number of draws of the posterior.

    Raises:
        ValueError: Inputs that the network does not take; a posterior without weights
            or classes.

    Example:
        >>> from zoo import stress
        >>> negative = 1 - digits.test.x
        >>> found = stress.out_of_distribution(classifier, digits, negative, num_samples=5)
        >>> sorted(found.auroc)
        ['1 - confidence', 'entropy', 'mutual information']
    """
    draws = sample_draws(posterior, num_samples)

    x_outside = _inputs_of(outside)
    if isinstance(inside, Dataset) and isinstance(outside, Dataset):
        x_outside = _in_units_of(inside, outside)

    return OutOfDistribution(
        inside=_uncertainties(draws, _inputs_of(inside)),
        outside=_uncertainties(draws, x_outside),
    )


def separation(inside: Tensor, outside: Tensor) -> float:
    """Return the probability that a value outside is above one inside; ties count one half.

    Arguments:
        inside: Values inside the distribution, (N,).
        outside: Values outside, (M,).
    """
    values = torch.cat([inside, outside])
    is_outside = torch.zeros(len(values), dtype=torch.bool)
    is_outside[len(inside) :] = True

    area = metrics.auroc(values, is_outside)
    return float(area)


def _uncertainties(draws: NetworkDraws, x: Tensor) -> dict[str, Tensor]:
    """Return three measures of uncertainty of inputs, (N,) each, by name."""
    evaluation = evaluate(draws, x)

    return {
        "entropy": evaluation.entropy,
        "mutual information": evaluation.epistemic,
        "1 - confidence": 1 - evaluation.confidence,
    }


def _inputs_of(source: Inputs) -> Tensor:
    """Return the inputs of a data set's test part, of a pair (x, y), or the inputs themselves."""
    if isinstance(source, Dataset):
        return source.test.x
    if isinstance(source, Tensor):
        return source
    return source[0]


def _in_units_of(base: Dataset, data: Dataset) -> Tensor:
    """Return the test inputs of one data set in the units of another."""
    x = data.test.x
    if data.x_units is not None:
        x = data.x_units.restore(x)
    if base.x_units is not None:
        x = base.x_units.standardise(x)

    return x
