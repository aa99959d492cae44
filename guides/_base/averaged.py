"""Averaged weights: a point mass at the mean of each site of another guide."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from torch import nn

from guides._base.guide import Guide
from guides._base.parameters import ByName
from guides._base.site import Site


class Averaged(Guide):
    r"""Weight scaling: one deterministic network with the mean weights, instead of many draws.

    .. math:: q(z) = \delta(z - E[z])

    This is the usual way to predict with dropout. It is not the mean of the predictions,
    because a network is not linear in its weights, and it drops all uncertainty about
    the weights. The guide has no parameters to fit, no density and no bound.

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

        means = {}
        with torch.no_grad():
            for name, site in guide.sites.items():
                means[name] = guide.distribution(site).mean

        self.mean = ByName(means).requires_grad_(False)

    def distribution(self, site: Site) -> dist.Delta:
        """Return the point mass of a site."""
        return dist.Delta(self.mean[site.name], event_dim=site.prior.event_dim)
