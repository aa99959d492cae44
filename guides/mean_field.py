"""Mean-field normal guide: all elements independent, q(z) = prod_i N(z_i | loc_i, scale_i^2)."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from guides._base.guide import Guide
from guides._base.parameters import ByName, check_scales, positive, raw_scale
from guides._base.program import PyroModel
from guides._base.site import Site, unconstrained
from guides._base.transformed import Transformed


class MeanField(Guide):
    r"""Bayes by Backprop: an independent normal distribution for each weight.

    .. math:: q(z) = \prod_i N(z_i \mid \text{loc}_i, \text{scale}_i^2), \quad
        \text{scale} = \log(1 + e^\rho)

    A site with bounded support is normal in unconstrained space. The KL divergence from a
    prior is in closed form if torch has one. On Bayesian linear regression with posterior
    precision Λ the optimum has scale 1/√Λ_ii, narrower than the marginal standard
    deviation √(Λ⁻¹)_ii.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015)
        Practical Variational Inference for Neural Networks (Graves, 2011)

    Arguments:
        model: A Pyro model.
        init_scale: Initial standard deviation, in unconstrained space.
        max_scale: Ceiling of the standard deviations, none by default. A low ceiling
            keeps the noise of a deep network small.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: A scale that is not positive or not below its ceiling; a discrete site.

    Example:
        >>> guide = MeanField(model, init_scale=0.05)
        >>> guide
        MeanField(4 sites, 162 parameters)
        >>> round(guide.scale("layer1.weight")[0, 0].item(), 4)
        0.05
    """

    scale_parameters = ("rho.*",)

    def __init__(
        self,
        model: PyroModel,
        *,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(model, example=example)
        check_scales(init_scale, max_scale)
        self.max_scale = max_scale

        loc = {}
        rho = {}
        for name, site in self.sites.items():
            loc[name] = unconstrained(site)
            rho[name] = raw_scale(loc[name], init_scale, max_scale)

        self.loc = ByName(loc)
        self.rho = ByName(rho)

    def scale(self, name: str) -> Tensor:
        """Return the standard deviations of a site, in unconstrained space."""
        return positive(self.rho[name], self.max_scale)

    def log_scales(self) -> dict[str, Tensor]:
        """Return the log standard deviations by the name of their parameter."""
        found = {}
        for name, _ in self.rho.named_parameters():
            found[f"rho.{name}"] = self.scale(name).log()

        return found

    def scales_of_means(self) -> dict[str, Tensor]:
        """Return the standard deviations by the name of the parameter of the mean."""
        return {f"loc.{name}": self.scale(name) for name in self.sites}

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the normal of a site, transformed to its support."""
        normal = self.normal(site)
        event_dim = normal.loc.dim() - len(site.prior.batch_shape)

        if site.is_real:
            return normal.to_event(event_dim)

        base = dist.Normal(normal.loc, normal.scale).to_event(event_dim)

        return Transformed(base, [site.transform])

    def normal(self, site: Site) -> dist.Normal:
        """Return the normal of a site's elements, each an independent batch element."""
        return dist.Normal(self.loc[site.name], self.scale(site.name))
