"""Averaged weights: a point mass at the mean of each site of another guide."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from torch import nn

from guides._base.guide import Guide
from guides._base.parameters import ByName
from guides._base.site import Site


class Averaged(Guide):
    r"""Weight scaling: one deterministic network with the mean of the weights, in the place of many draws.

    .. math:: q(z) = \delta(z - E[z])

    The usual way to predict with dropout, and no posterior mean: a network is not
    linear in its weights. All uncertainty about the weights is gone. It has nothing to
    fit, no density and no bound.

    References:
        Dropout: A Simple Way to Prevent Neural Networks from Overfitting (Srivastava et al., 2014)

    Arguments:
        guide: A guide whose distributions have means.
    """

    bound = False
    has_density = False

    def __init__(self, guide: Guide) -> None:
        nn.Module.__init__(self)
        self.sites = guide.sites
        with torch.no_grad():
            means = {
                name: guide.distribution(site).mean
                for name, site in guide.sites.items()
            }
        self.mean = ByName(means).requires_grad_(False)

    def distribution(self, site: Site) -> dist.Delta:
        """Return the point mass of a site."""
        return dist.Delta(self.mean[site.name], event_dim=site.prior.event_dim)
