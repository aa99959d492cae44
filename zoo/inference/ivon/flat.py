"""The mean-field normal distribution as flat vectors, which one operation updates at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

import guides
from zoo.inference.ivon.normal_prior import NormalPrior

_WIDEST_INIT = 0.1  # scale in unconstrained space, where a prior may be heavy-tailed


class FlatNormal(nn.Module):
    r"""The state of a run: the mean and the curvature of every element of every site.

    .. math:: q(z) = \prod_i N(z_i \mid m_i, \sigma_i^2), \qquad
        \sigma_i^{-2} = \frac{N}{T} (h_i + \delta_i)

    The sites are those of a guide, one after the other, in unconstrained space. Called as a
    Pyro program, it gives its values to the guide and runs that.

    Arguments:
        guide: The guide, at whose means it starts.
        prior: The normal part of the prior.
        hess_init: Initial curvature h; it is higher in an element without a normal prior
            whose scale would be above 0.1.
        ess: Effective number of data N/T.
        likelihood_temperature: Temperature T_l, by which the curvature of the likelihood is
            divided.

    Attributes:
        log_precision: Mean of the log precisions at the present draw, ().
    """

    bound = True

    def __init__(
        self,
        guide: guides.MeanField,
        prior: NormalPrior,
        hess_init: float,
        ess: float,
        likelihood_temperature: float = 1.0,
    ) -> None:
        super().__init__()
        means = [guide.loc[name].detach().flatten() for name in guide.sites]
        mean = torch.cat(means)

        self.mean = nn.Parameter(mean)  # (P,)
        start = hess_init / likelihood_temperature
        self.hess = nn.Parameter(_initial_hess(mean, prior, start, ess))  # (P,)
        self.draw = mean.clone().requires_grad_()  # (P,), of the present step
        self.noise = torch.zeros_like(mean)  # (P,), standard normal
        self.prior = prior
        self.ess = ess
        self.likelihood_temperature = likelihood_temperature
        self.log_precision = self._mean_log_precision()
        self._first_log_precision = self.log_precision
        self._guide = [guide]  # a list, so that its parameters are not the run's

    @property
    def guide(self) -> guides.MeanField:
        """The guide; `give` brings its parameters up to date."""
        return self._guide[0]

    @property
    def precision(self) -> Tensor:
        """One over the variance of each element, (P,)."""
        return self.ess * (self.hess + self.prior.delta)

    @property
    def unit(self) -> Tensor:
        """Geometric mean of h + delta, of the first or of this step if that is smaller, ().

        It is that at likelihood temperature 1, so that the step does not depend on it.
        """
        smaller = torch.minimum(self.log_precision, self._first_log_precision)
        return smaller.exp() * self.likelihood_temperature / self.ess

    def parts(self, flat: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield the part of a flat vector (P,) for each site, in unconstrained space."""
        shapes = {name: self.guide.loc[name].shape for name in self.guide.sites}
        sizes = [shape.numel() for shape in shapes.values()]
        for name, part in zip(shapes, flat.split(sizes), strict=True):
            yield name, part.view(shapes[name])

    @torch.no_grad()
    def give(self) -> guides.MeanField:
        """Set the guide's parameters to the present means and scales, and return it."""
        guide = self.guide
        for name, mean in self.parts(self.mean):
            guide.loc[name].copy_(mean)

        raw = _inverse_softplus(self.precision.rsqrt())
        for name, rho in self.parts(raw):
            guide.rho[name].copy_(rho)

        return guide

    @torch.no_grad()
    def _mean_log_precision(self) -> Tensor:
        return self.precision.log().mean()

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Draw every site by the guide."""
        return self.give()(*args, **kwargs)


def _initial_hess(
    like: Tensor, prior: NormalPrior, hess_init: float, ess: float
) -> Tensor:
    """Return the initial curvatures, (P,)."""
    hess = torch.full_like(like, hess_init)
    at_widest = 1 / (ess * _WIDEST_INIT**2)
    if at_widest <= hess_init:
        return hess

    return torch.where(prior.delta > 0, hess, at_widest)


def _inverse_softplus(scale: Tensor) -> Tensor:
    """Return log(e^scale - 1), also for a large scale."""
    return scale + torch.log(-torch.expm1(-scale))
