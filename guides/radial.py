"""Radial guide: a random direction and a normal radius for each site, whatever its size."""

from __future__ import annotations

import math

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import (
    TorchDistribution,
    TorchDistributionMixin,
)
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.cross_entropy import cross_entropy
from guides._base.site import Site
from guides.mean_field import MeanField

EULER = 0.57721566490153286


class Radial(MeanField):
    r"""Radial posterior: noise of a random direction, whose length is that of one normal number however many there are.

    .. math:: W = \mu + \sigma \circ \frac{\epsilon}{\|\epsilon\|} \, r, \qquad
        \epsilon \sim N(0, I_D), \quad r \sim N(0, 1)

    one r for each site, D its size. With v = (W - μ) / σ the density is exact, its
    constant included:

    .. math:: \log q(W) = \log 2 + \log N(|v| \mid 0, 1) - \log S_{D-1} - (D - 1) \log |v| - \sum_i \log \sigma_i,
        \qquad S_{D-1} = 2 \pi^{D/2} / \Gamma(D / 2)

    For D = 1 it is the normal. A number has the variance σ²/D: on Bayesian linear
    regression with posterior precision Λ the optimum is σ_i = √(D/Λ_ii), the marginal
    spread of `MeanField`. σ is in unconstrained space where the support of a site is
    bounded. The divergence from normal priors is in closed form.

    References:
        Radial Bayesian Neural Networks: Beyond Discrete Support In Large-Scale Bayesian Deep Learning
        (Farquhar, Osborne, Gal, 2020)

    Arguments:
        model: A Pyro model.
        init_scale: σ at the start; the standard deviation of one number is σ/√D.
        max_scale: Ceiling of σ, none by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Example:
        >>> guide = Radial(model, init_scale=0.5)
        >>> ((guide()["layer2.weight"] - guide.loc["layer2.weight"]) / guide.scale("layer2.weight")).shape
        torch.Size([1, 10])
    """

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the radial distribution of a site, carried into its support."""
        loc = self.loc[site.name]
        radial = RadialNormal(
            loc, self.scale(site.name), loc.dim() - len(site.prior.batch_shape)
        )
        return (
            radial
            if site.is_real
            else dist.TransformedDistribution(radial, [site.transform])
        )


class RadialNormal(TorchDistribution):
    """loc + scale times a vector of random direction and normal length.

    Arguments:
        loc: Centre (*batch, *event).
        scale: Scale of each number (*batch, *event).
        event_dim: How many of the last dimensions share one length.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    has_rsample = True

    def __init__(self, loc: Tensor, scale: Tensor, event_dim: int) -> None:
        self.loc, self.scale = loc, scale
        batch = loc.dim() - event_dim
        self.size = loc.shape[batch:].numel()
        super().__init__(loc.shape[:batch], loc.shape[batch:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All real tensors of the shape of loc."""
        return constraints.independent(constraints.real, self.event_dim)

    @property
    def mean(self) -> Tensor:
        """The centre."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance of each number."""
        return self.scale.square() / self.size

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> RadialNormal:
        """Return the distribution for a batch of draws."""
        shape = torch.Size(batch_shape) + self.event_shape
        return RadialNormal(
            self.loc.expand(shape), self.scale.expand(shape), self.event_dim
        )

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a direction and a length."""
        batch = torch.Size(sample_shape) + self.batch_shape
        like = {"dtype": self.loc.dtype, "device": self.loc.device}
        noise, length = (
            torch.randn(*batch, self.size, **like),
            torch.randn(*batch, 1, **like),
        )
        vector = noise / noise.norm(dim=-1, keepdim=True) * length
        return self.loc + self.scale * vector.reshape(batch + self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density; it has a pole at the centre where D > 1."""
        length = rows((value - self.loc) / self.scale, self.event_dim).norm(dim=-1)
        normal = -length.square() / 2 - (self.size - 1) * length.log()
        return normal - self.constant()

    def constant(self) -> Tensor:
        """Return the part of -log q that does not depend on the value, (*batch)."""
        surface = (
            math.log(2) + self.size / 2 * math.log(math.pi) - math.lgamma(self.size / 2)
        )
        return (
            rows(self.scale.log(), self.event_dim).sum(-1)
            + surface
            - math.log(2)
            + 0.5 * math.log(2 * math.pi)
        )

    def entropy(self) -> Tensor:
        r"""Return E_q[-log q]: the mean of log |r| of a normal r is -(γ + log 2) / 2."""
        mean_log = -(EULER + math.log(2)) / 2
        return self.constant() + 0.5 + (self.size - 1) * mean_log


def rows(tensor: Tensor, event_dim: int) -> Tensor:
    """Flatten the event of a tensor (*batch, *event) into one dimension."""
    return (
        tensor.flatten(tensor.dim() - event_dim) if event_dim else tensor.unsqueeze(-1)
    )


@register_kl(RadialNormal, Independent)
def _divergence(q: RadialNormal, p: Independent) -> Tensor:
    """Return the divergence from independent normals, of which only second moments are needed."""
    if not isinstance(p.base_dist, Normal) or p.event_dim != q.event_dim:
        raise NotImplementedError
    cross = cross_entropy((q.loc - p.base_dist.loc).square() + q.variance, p.base_dist)
    return rows(cross, q.event_dim).sum(-1) - q.entropy()
