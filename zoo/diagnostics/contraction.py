"""Contraction: how much narrower than its prior the posterior of every weight and node is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table, Tabled


@dataclass(frozen=True, repr=False, eq=False)
class Contraction(Tabled):
    """Standard deviations of the posterior over those of the prior.

    Arguments:
        ratios: Of every number of every site, (*shape), by the site's name.
    """

    ratios: Mapping[str, Tensor]

    def by_node(self, site: str) -> Tensor:
        """Return the mean over a node's weights, (H,): over all but a site's first dimension."""
        ratios = self.ratios[site]
        return ratios.reshape(len(ratios), -1).mean(-1)

    @property
    def table(self) -> Table:
        """A row for each site: the mean, the least and the most, and the share that learned nothing."""
        rows = [
            (
                name,
                ratio.numel(),
                *map(
                    float,
                    (
                        ratio.mean(),
                        ratio.min(),
                        ratio.max(),
                        (ratio > 0.9).double().mean(),
                    ),
                ),
            )
            for name, ratio in self.ratios.items()
        ]
        return Table(("site", "numbers", "mean", "least", "most", "above 0.9"), rows)


def contraction(posterior: Posterior, num_samples: int = 1000) -> Contraction:
    r"""Return by how much the data have narrowed every weight and node.

    .. math:: c_i = \frac{\operatorname{sd}[z_i \mid D]}{\operatorname{sd}[z_i]}

    One is a number that learned nothing; a network with more units than it needs has
    many. Within one mode, that is, for chains that visit several the permutations of
    hidden units widen every weight, whatever the functions do.

    References:
        Toward a principled Bayesian workflow in cognitive science (Schad, Betancourt, Vasishth, 2021)
        Liberty or Depth: Deep Bayesian Neural Nets Do Not Need Complex Weight Posterior Approximations
        (Farquhar, Smith, Gal, 2020)

    Arguments:
        posterior: The posterior of one of the zoo's models.
        num_samples: Draws of the prior, and of a guide.

    Raises:
        ValueError: An improper prior; a Pyro model of its own; a posterior that kept
            function values, not weights.

    Example:
        >>> sorted(contraction(posterior, 100).ratios)[:2]
        ['layer1.bias', 'layer1.weight']
    """
    model = posterior.require_weights(
        "contraction compares draws of weights with their prior"
    )
    before = model.prior_draws(num_samples)
    after = posterior.sample_all(num_samples)
    return Contraction(
        {
            name: after[name].std(0).cpu() / before[name].std(0).clamp_min(1e-12).cpu()
            for name in before
        }
    )
