"""Delta guide: a point estimate of every site, the maximum a posteriori."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import biject_to

from guides._base.guide import Guide
from guides._base.parameters import ByName
from guides._base.program import PyroModel
from guides._base.site import Site, unconstrained


class Delta(Guide):
    r"""Maximum a posteriori (MAP): one learned value for each site, without uncertainty.

    .. math:: q(z) = \delta(z - z^*), \qquad z^* = \arg\max_z \, \log p(y \mid z) + \log p(z)

    A site with bounded support is maximised in its own space, without the Jacobian of
    the transform. A point mass has no finite entropy, so the negative loss is no lower
    bound on the log evidence (`bound = False`).

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3

    Arguments:
        model: A Pyro model.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: A discrete site.

    Example:
        >>> sorted(Delta(model)())
        ['layer1.bias', 'layer1.weight', 'layer2.bias', 'layer2.weight']
    """

    bound = False
    has_density = False
    scale_parameters = ()

    def __init__(self, model: PyroModel, *, example: tuple[Any, ...] = ()) -> None:
        super().__init__(model, example=example)
        loc = {}
        for site in self.learned():
            loc[site.name] = unconstrained(site)

        self.loc = ByName(loc)

    def learned(self) -> list[Site]:
        """Return the sites that have a learned value."""
        return list(self.sites.values())

    @torch.no_grad()
    def move_to(self, values: Mapping[str, Tensor]) -> None:
        """Set the value of each learned site.

        Arguments:
            values: Values (*shape) by site.
        """
        for site in self.learned():
            raw = biject_to(site.support).inv(values[site.name])
            self.loc[site.name].copy_(raw)

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the point mass of a site."""
        transform = biject_to(site.support)
        value = transform(self.loc[site.name])

        return dist.Delta(value, event_dim=site.prior.event_dim)
