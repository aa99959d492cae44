"""Radial guide: a random direction and a normal radius for each site, whatever its size."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import (
    TorchDistribution,
    TorchDistributionMixin,
)
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.cross_entropy import cross_entropy
from guides._base.noise import normal_noise
from guides._base.shape import Shape
from guides._base.site import Site
from guides._base.transformed import Transformed
from guides.mean_field import MeanField

_EULER = 0.57721566490153286
_LOG_2 = math.log(2)
_LOG_PI = math.log(math.pi)
_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
_MEAN_LOG_NORMAL = -(_EULER + _LOG_2) / 2  # of log |r|, r standard normal


class Radial(MeanField):
    r"""Radial noise around the mean: a random direction, with the length of a scalar normal.

    .. math:: W = \mu + \sigma \circ \frac{\epsilon}{\|\epsilon\|} \, r, \qquad
        \epsilon \sim N(0, I_D), \quad r \sim N(0, 1)

    There is one r for each site, and D is the size of the site. With v = (W - μ) / σ the
    density is exact, its constant included:

    .. math:: \log q(W) = \log 2 + \log N(|v| \mid 0, 1) - \log S_{D-1}
        - (D - 1) \log |v| - \sum_i \log \sigma_i,
        \qquad S_{D-1} = 2 \pi^{D/2} / \Gamma(D / 2)

    For D = 1 it is the normal. An element has the variance σ²/D: on Bayesian linear
    regression with posterior precision Λ the optimum is σ_i = √(D/Λ_ii), which gives the
    marginal standard deviations of `MeanField`. σ is in unconstrained space if the support
    of a site is bounded. The divergence from normal priors is in closed form.

    References:
        Radial Bayesian Neural Networks: Beyond Discrete Support In Large-Scale Bayesian Deep
        Learning
        (Farquhar, Osborne, Gal, 2020)

    Arguments:
        model: A Pyro model.
        init_scale: Initial σ; the standard deviation of one element is σ/√D.
        max_scale: Ceiling of σ, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Example:
        >>> guide = Radial(model, init_scale=0.5)
        >>> variance = guide.distribution(guide.sites["layer2.weight"]).variance
        >>> round(variance[0, 0].item(), 4)  # 0.5² / 10
        0.025
    """

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the radial distribution of a site, transformed to its support."""
        loc = self.loc[site.name]
        event_dim = loc.dim() - len(site.prior.batch_shape)

        radial = RadialNormal(loc, self.scale(site.name), event_dim)
        if site.is_real:
            return radial

        return Transformed(radial, [site.transform])


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
        num_batch_dims = loc.dim() - event_dim
        batch_shape = loc.shape[:num_batch_dims]
        event_shape = loc.shape[num_batch_dims:]

        self.loc = loc
        self.scale = scale
        self.size = event_shape.numel()
        super().__init__(batch_shape, event_shape, validate_args=False)

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

    def expand(self, batch_shape: Shape, _instance: Any = None) -> RadialNormal:
        """Return the distribution for a batch of draws."""
        shape = torch.Size(batch_shape) + self.event_shape
        loc = self.loc.expand(shape)

        return RadialNormal(loc, self.scale.expand(shape), self.event_dim)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a direction and a length."""
        batch = torch.Size(sample_shape) + self.batch_shape
        noise = normal_noise((*batch, self.size), self.loc)
        length = normal_noise((*batch, 1), self.loc)

        norm = noise.norm(dim=-1, keepdim=True)
        direction = noise / norm
        vector = direction * length

        standardised = vector.reshape(batch + self.event_shape)

        return self.loc + self.scale * standardised

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density; it has a pole at the centre if D > 1."""
        standardised = (value - self.loc) / self.scale
        vector = _flat_event(standardised, self.event_dim)
        length = vector.norm(dim=-1)

        quadratic = -length.square() / 2
        log_volume = (self.size - 1) * length.log()

        return quadratic - log_volume - self._constant()

    def entropy(self) -> Tensor:
        r"""Return E_q[-log q]. It uses E[log |r|] = -(γ + log 2) / 2 for a normal r."""
        mean_log_volume = (self.size - 1) * _MEAN_LOG_NORMAL
        return self._constant() + 0.5 + mean_log_volume

    def _constant(self) -> Tensor:
        """Return the terms of -log q that do not depend on the value, (*batch)."""
        half = self.size / 2
        log_surface = _LOG_2 + half * _LOG_PI - math.lgamma(half)

        log_scale = self.scale.log()
        log_scale = _flat_event(log_scale, self.event_dim)
        total = log_scale.sum(-1)

        return total + log_surface - _LOG_2 + _HALF_LOG_2_PI


def _flat_event(tensor: Tensor, event_dim: int) -> Tensor:
    """Flatten the event of a tensor (*batch, *event) into one dimension."""
    if event_dim == 0:
        return tensor.unsqueeze(-1)

    return tensor.flatten(tensor.dim() - event_dim)


@register_kl(RadialNormal, Independent)
def _divergence(q: RadialNormal, p: Independent) -> Tensor:
    """Return the divergence from independent normals in closed form."""
    same_dims = len(p.event_shape) == len(q.event_shape)
    if not (same_dims and isinstance(p.base_dist, Normal)):
        raise NotImplementedError

    normal = p.base_dist
    squared = (q.loc - normal.loc).square() + q.variance
    cross = cross_entropy(squared, normal)
    cross = _flat_event(cross, q.event_dim)

    return cross.sum(-1) - q.entropy()
