"""Out of distribution: does a posterior notice that inputs are of another kind than its data?"""

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
from zoo.stress.evaluation import Draws, evaluated, sampled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Inputs = Dataset | tuple[Tensor, Tensor] | Tensor


@dataclass(frozen=True, repr=False, eq=False)
class OutOfDistribution(Tabled):
    """Uncertainty inside and outside, and how well it tells the two apart.

    Arguments:
        inside: Uncertainty at each input of the data's kind, (N,), by the measure's
            name.
        outside: The same at inputs of another kind, (M,).
    """

    inside: Mapping[str, Tensor]
    outside: Mapping[str, Tensor]

    @property
    def auroc(self) -> dict[str, float]:
        """The chance that an input outside is more uncertain than one inside, by measure; 0.5 is none at all."""
        return {
            name: separation(values, self.outside[name])
            for name, values in self.inside.items()
        }

    @property
    def table(self) -> Table:
        """A row for each measure."""
        rows = [
            (
                name,
                area,
                float(self.inside[name].mean()),
                float(self.outside[name].mean()),
            )
            for name, area in self.auroc.items()
        ]
        return Table(("measure", "AUROC", "mean inside", "mean outside"), rows)

    def plot(self) -> Figure:
        """Draw a histogram of each measure, inside and outside."""
        from zoo import plots

        return plots.out_of_distribution(self.inside, self.outside, auroc=self.auroc)


def out_of_distribution(
    posterior: Posterior, inside: Inputs, outside: Inputs, num_samples: int = 100
) -> OutOfDistribution:
    r"""Tell inputs of another kind from the data's own by uncertainty, and return how often that is right.

    .. math:: \text{AUROC} = P(u(x_\text{outside}) > u(x_\text{inside}))

    Three measures of uncertainty: the entropy of the averaged probabilities, the mutual
    information of class and draw, and one minus the highest probability. The last needs
    no posterior, and is what the others are to be held against.

    References:
        A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks (Hendrycks, Gimpel,
        2017)
        Understanding Measures of Uncertainty for Adversarial Example Detection (Smith, Gal, 2018)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        inside: Inputs of the data's kind, held out: a data set's test part, or inputs
            (N, ...) as the network takes them, or a pair of these and labels, which are
            not looked at.
        outside: Inputs of another kind. Where both are data sets, these are
            standardised by the units of `inside`, as the network has learned them.
        num_samples: Draws of the posterior.

    Raises:
        ValueError: Inputs that the network does not take; a posterior without weights
            or classes.

    Example:
        >>> from zoo import stress
        >>> upside_down = 1 - digits.test.x
        >>> found = stress.out_of_distribution(classifier, digits, upside_down, num_samples=5)
        >>> sorted(found.auroc)
        ['1 - confidence', 'entropy', 'mutual information']
    """
    draws = sampled(posterior, num_samples)
    return OutOfDistribution(
        *(
            measures(posterior, draws, x)
            for x in (inputs(inside), inputs(outside, inside))
        )
    )


def measures(posterior: Posterior, draws: Draws, x: Tensor) -> dict[str, Tensor]:
    """Return three measures of uncertainty at inputs, (N,) each."""
    found = evaluated(posterior, draws, x)
    return {
        "entropy": found.entropy,
        "mutual information": found.epistemic,
        "1 - confidence": 1 - found.confidence,
    }


def separation(inside: Tensor, outside: Tensor) -> float:
    """Return the chance that a value outside is above one inside."""
    kinds = torch.cat([torch.zeros(len(inside)), torch.ones(len(outside))]).bool()
    return float(metrics.auroc(torch.cat([inside, outside]), kinds))


def inputs(source: Inputs, base: Inputs | None = None) -> Tensor:
    """Return inputs as the network takes them, those of one data set in the units of another."""
    if isinstance(source, Tensor):
        return source
    if not isinstance(source, Dataset):
        return source[0]
    x, units = source.test.x, source.x_units
    if not isinstance(base, Dataset):
        return x
    x = x if units is None else units.restore(x)
    return x if base.x_units is None else base.x_units.standardise(x)
