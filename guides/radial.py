"""Radial guide: a random direction and a normal radius for each site, whatever its size."""

from __future__ import annotations

import math
from typing import Any, ClassVar

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

_EULER = 0.57721566490153286


class Radial(MeanField):
    r"""Radial posterior: noise of a random direction whose length is that of one normal element, for any D.

    .. math:: W = \mu + \sigma \circ \frac{\epsilon}{\|\epsilon\|} \, r, \qquad
        \epsilon \sim N(0, I_D), \quad r \sim N(0, 1)

    There is one r for each site, and D is the size of the site. With v = (W - μ) / σ the
    density is exact, its constant included:

    .. math:: \log q(W) = \log 2 + \log N(|v| \mid 0, 1) - \log S_{D-1} - (D - 1) \log |v| - \sum_i \log \sigma_i,
        \qquad S_{D-1} = 2 \pi^{D/2} / \Gamma(D / 2)

    For D = 1 it is the normal. An element has the variance σ²/D: on Bayesian linear
    regression with posterior precision Λ the optimum is σ_i = √(D/Λ_ii), which gives the
    marginal standard deviations of `MeanField`. σ is in unconstrained space if the support
    of a site is bounded. The divergence from normal priors is in closed form.

    References:
        Radial Bayesian Neural Networks: Beyond Discrete Support In Large-Scale Bayesian Deep Learning
        (Farquhar, Osborne, Gal, 2020)

    Arguments:
        model: A Pyro model.
        init_scale: Initial σ; the standard deviation of one element is σ/√D.
        max_scale: Ceiling of σ, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Example:
        >>> guide = Radial(model, init_scale=0.5)
        >>> ((guide()["layer2.weight"] - guide.loc["layer2.weight"]) / guide.scale("layer2.weight")).shape
        torch.Size([1, 10])
    """

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the radial distribution of a site, transformed to its support."""
        loc = self.loc[site.name]
        event_dim = loc.dim() - len(site.prior.batch_shape)

        radial = RadialNormal(loc, self.scale(site.name), event_dim)
        if site.is_real:
            return radial

        return dist.TransformedDistribution(radial, [site.transform])


class RadialNormal(TorchDistribution):
    """loc + scale times a vector of random direction and normal length.

    Arguments:
        loc: Centre (*batch, *event).
        scale: Scale of each element (*batch, *event).
        event_dim: Number of last dimensions that share one length.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    has_rsample = True

    def __init__(self, loc: Tensor, scale: Tensor, event_dim: int) -> None:
        self.loc = loc
        self.scale = scale
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
        """The variance of each element."""
        return self.scale.square() / self.size

    def expand(self, batch_shape: torch.Size, _instance: Any = None) -> RadialNormal:
        """Return the distribution for a batch of draws."""
        shape = torch.Size(batch_shape) + self.event_shape
        loc = self.loc.expand(shape)

        return RadialNormal(loc, self.scale.expand(shape), self.event_dim)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a direction and a length."""
        batch = torch.Size(sample_shape) + self.batch_shape
        dtype, device = self.loc.dtype, self.loc.device
        noise = torch.randn(*batch, self.size, dtype=dtype, device=device)
        length = torch.randn(*batch, 1, dtype=dtype, device=device)
        vector = noise / noise.norm(dim=-1, keepdim=True) * length

        return self.loc + self.scale * vector.reshape(batch + self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density; it has a pole at the centre if D > 1."""
        standardised = (value - self.loc) / self.scale
        length = _flat_event(standardised, self.event_dim).norm(dim=-1)
        normal = -length.square() / 2 - (self.size - 1) * length.log()

        return normal - self._constant()

    def entropy(self) -> Tensor:
        r"""Return E_q[-log q]. It uses E[log |r|] = -(γ + log 2) / 2 for a normal r."""
        mean_log = -(_EULER + math.log(2)) / 2
        return self._constant() + 0.5 + (self.size - 1) * mean_log

    def _constant(self) -> Tensor:
        """Return the terms of -log q that do not depend on the value, (*batch)."""
        half = self.size / 2
        log_surface = math.log(2) + half * math.log(math.pi) - math.lgamma(half)
        log_scale = _flat_event(self.scale.log(), self.event_dim).sum(-1)
        log_normal = 0.5 * math.log(2 * math.pi)

        return log_scale + log_surface - math.log(2) + log_normal


def _flat_event(tensor: Tensor, event_dim: int) -> Tensor:
    """Flatten the event of a tensor (*batch, *event) into one dimension."""
    if event_dim == 0:
        return tensor.unsqueeze(-1)

    return tensor.flatten(tensor.dim() - event_dim)


@register_kl(RadialNormal, Independent)
def _divergence(q: RadialNormal, p: Independent) -> Tensor:
    """Return the divergence from independent normals in closed form."""
    if not isinstance(p.base_dist, Normal) or p.event_dim != q.event_dim:
        raise NotImplementedError

    squared = (q.loc - p.base_dist.loc).square() + q.variance
    cross = cross_entropy(squared, p.base_dist)

    return _flat_event(cross, q.event_dim).sum(-1) - q.entropy()
