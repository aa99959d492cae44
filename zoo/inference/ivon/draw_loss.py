"""The loss of a batch at one draw of all sites, with its gradient by the draw."""

from __future__ import annotations

from dataclasses import dataclass

import pyro.distributions as dist
import torch
from pyro import poutine
from torch import Tensor

from zoo.inference.ivon.flat import FlatNormal
from zoo.inference.svi.objective import BatchLoss
from zoo.likelihoods.observed import Observed
from zoo.runtime.rows import Rows
from zoo.runtime.sites import log_prob, stochastic


@dataclass(frozen=True)
class DrawLoss(BatchLoss):
    r"""The negative log density of a batch and of the priors that are not normal, over N.

    .. math:: \ell(z) = -\frac1N \Big( \frac{1}{T_l} \log p(y \mid z)
        + \sum_{s \text{ not normal}} \log p(z_s) \Big)

    The density of a site is that in unconstrained space. The arguments are those of
    `BatchLoss`, with a `FlatNormal` as the guide.
    """

    guide: FlatNormal

    def _elbo(self, x: Rows, y: Tensor | Observed) -> Tensor:
        """Return the log density of the data and of the sites without a normal prior."""
        volumes: list[Tensor] = []
        q = poutine.trace(self._draw).get_trace(volumes)
        replayed = poutine.replay(self.model, trace=q)
        p = poutine.trace(replayed).get_trace(x, y, num_data=self.num_data)

        total: Tensor | float = 0.0
        for name, site in stochastic(p).items():
            is_latent = not site["is_observed"]
            if is_latent and name in self.guide.prior.names:
                continue

            total = total + self.tempering.cool(log_prob(site), site, is_latent)

        return sum(volumes, start=torch.as_tensor(total))

    def _draw(self, volumes: list[Tensor]) -> None:
        """State the present draw of each site, and note log |dz / du| of its transform."""
        guide = self.guide.guide
        for name, part in self.guide.parts(self.guide.draw):
            site = guide.sites[name]
            value = part
            if not site.is_real:
                value = site.transform(part)
                volumes.append(site.transform.log_abs_det_jacobian(part, value).sum())

            guide.sample(site, dist.Delta(value, event_dim=site.prior.event_dim))
