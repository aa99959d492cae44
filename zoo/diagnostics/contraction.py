"""Contraction: how much narrower the posterior of every weight and node is than its prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table, Tabled
from zoo.runtime.fixed_rows import without_fixed_rows


@dataclass(frozen=True, repr=False, eq=False)
class Contraction(Tabled):
    """Standard deviations of the posterior divided by those of the prior.

    Arguments:
        ratios: The ratio of every parameter, (*shape) by the site's name.

    Example:
        >>> found = Contraction({"layer1.weight": torch.tensor([[0.1, 0.3], [1.0, 1.0]])})
        >>> found.by_node("layer1.weight")  # the data say nothing about the second unit
        tensor([0.2000, 1.0000])
    """

    ratios: Mapping[str, Tensor]

    def by_node(self, site: str) -> Tensor:
        """Return the mean ratio of the weights of each node, (H,).

        Arguments:
            site: Name of the site; the mean is over all but its first dimension.
        """
        ratios = self.ratios[site]
        return ratios.reshape(len(ratios), -1).mean(-1)

    @property
    def table(self) -> Table:
        """A row for each site: mean, minimum and maximum, and the share above 0.9."""
        rows = []
        for name, ratio in self.ratios.items():
            size = ratio.numel()
            mean = float(ratio.mean())
            least = float(ratio.min())
            most = float(ratio.max())

            is_unchanged = ratio > 0.9
            share = float(is_unchanged.double().mean())
            rows.append((name, size, mean, least, most, share))

        columns = ("site", "parameters", "mean", "least", "most", "above 0.9")
        return Table(columns, rows)


def contraction(posterior: Posterior, num_samples: int = 1000) -> Contraction:
    r"""Return how much the data have narrowed every weight and node.

    .. math:: c_i = \frac{\operatorname{sd}[z_i \mid D]}{\operatorname{sd}[z_i]}

    A ratio of one belongs to a parameter that the data did not inform; a network with
    more units than it needs has many. Use it within one mode: chains that visit several
    modes have wide weights because hidden units can be permuted, even where the
    functions are certain. The rows of padding of an embedding are left out.

    References:
        Toward a principled Bayesian workflow in cognitive science
        (Schad, Betancourt, Vasishth, 2021)
        Liberty or Depth: Deep Bayesian Neural Nets Do Not Need Complex Weight Posterior
        Approximations (Farquhar, Smith, Gal, 2020)

    Arguments:
        posterior: The posterior of one of the zoo's models.
        num_samples: Number of draws of the prior, and of a guide.

    Raises:
        ValueError: An improper prior, or a posterior without draws of weights.

    Example:
        >>> sorted(contraction(posterior, 100).ratios)[:2]
        ['layer1.bias', 'layer1.weight']
    """
    model = posterior.require_weights(
        "contraction compares draws of weights with their prior"
    )
    before = model.prior_draws(num_samples)
    after = posterior.sample_all(num_samples)

    ratios = {}
    for name, prior in model.latents.items():
        prior_draws = without_fixed_rows(before[name], prior)
        draws = without_fixed_rows(after[name], prior)

        prior_std = prior_draws.std(0).clamp_min(1e-12).cpu()
        ratios[name] = draws.std(0).cpu() / prior_std

    return Contraction(ratios)
