"""Correlated filters: neighbouring taps of a convolution are similar under the prior."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn
from torch.distributions import Independent, Normal, register_kl
from torch.nn.modules.conv import _ConvNd
from torch.types import _size

from zoo.priors.positive import check_positive
from zoo.priors.selection import Selected, owner
from zoo.priors.treatment import Choice, Point, Rule, words
from zoo.runtime.recorded import recorded


@recorded
def correlated_filters(
    scale: float = 1.0,
    lengthscale: float = 1.0,
    otherwise: Rule = Point(),  # noqa: B008
) -> Selected:
    r"""Normal convolution filters: the closer two weights of a filter, the more correlated.

    .. math::
        \operatorname{Cov}(w_{oi,a}, w_{oi,b}) =
        \text{scale}^2 \exp(-|a - b| / \text{lengthscale})

    This is the Matérn kernel of order 1/2. Filters are independent of each other; a and b
    are positions of taps, in pixels.

    References:
        Bayesian Neural Network Priors Revisited (Fortuin, Garriga-Alonso, Ober et al., 2022)

    Arguments:
        scale: Standard deviation of a tap.
        lengthscale: Distance in pixels at which the correlation is 1/e.
        otherwise: Rule of everything but the weights of convolutions.

    Raises:
        ValueError: A scale or length that is not positive.

    Example:
        >>> correlated_filters(0.5, otherwise=dist.Normal(0.0, 1.0))
        correlated_filters(0.5, lengthscale=1, otherwise=Normal(0, 1))
    """
    check_positive(scale=scale, lengthscale=lengthscale)

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        def rule_of(name: str, tensor: Tensor) -> Rule:
            is_filter = tensor.dim() > 2 and isinstance(owner(network, name), _ConvNd)
            if not is_filter:
                return otherwise

            return CorrelatedFilters(
                scale=tensor.new_tensor(scale),
                lengthscale=tensor.new_tensor(lengthscale),
                taps=tensor.shape[2:],
            )

        return rule_of

    arguments = f"{scale:g}, lengthscale={lengthscale:g}, otherwise={words(otherwise)}"

    return Selected(choose, f"correlated_filters({arguments})")


class CorrelatedFilters(TorchDistribution):
    """The distribution of one filter for `correlated_filters`; an event is its h x w taps.

    Arguments:
        scale: Standard deviation of a tap, ().
        lengthscale: Distance in pixels at which the correlation is 1/e, ().
        taps: Shape of a filter, (h, w) or of any dimension.
    """

    arg_constraints = {  # noqa: RUF012
        "scale": constraints.positive,
        "lengthscale": constraints.positive,
    }
    has_rsample = True

    def __init__(self, scale: Tensor, lengthscale: Tensor, taps: torch.Size) -> None:
        self.scale = scale
        self.lengthscale = lengthscale

        positions = torch.ones(taps, device=scale.device).nonzero()
        positions = positions.to(scale.dtype)  # (T, dimensions)
        difference = positions.unsqueeze(0) - positions.unsqueeze(1)
        distance = difference.square().sum(-1).sqrt()  # (T, T)

        correlation = (-distance / lengthscale).exp()
        self.scale_tril = scale * torch.linalg.cholesky(correlation)  # (T, T)

        super().__init__(torch.Size(), torch.Size(taps))

    @property
    def support(self) -> constraints.Constraint:
        """All real filters."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def expand(self, batch_shape: _size, _instance: object = None) -> CorrelatedFilters:
        """Return the distribution for a batch of filters."""
        new = self._get_checked_instance(CorrelatedFilters, _instance)
        new.scale = self.scale
        new.lengthscale = self.lengthscale
        new.scale_tril = self.scale_tril

        batch_shape = torch.Size(batch_shape)
        TorchDistribution.__init__(
            new, batch_shape, self.event_shape, validate_args=False
        )

        return new

    def rsample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw filters."""
        shape = self._extended_shape(torch.Size(sample_shape))
        num_batch_dims = len(shape) - len(self.event_shape)
        num_taps = len(self.scale_tril)

        noise = torch.randn(
            *shape[:num_batch_dims],
            num_taps,
            dtype=self.scale.dtype,
            device=self.scale.device,
        )
        taps = noise @ self.scale_tril.T  # (*, T)

        return taps.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of each filter."""
        half_distance = self.half_distance(value)
        half_log_det = self.half_log_det()
        num_taps = len(self.scale_tril)

        return -half_distance - half_log_det - 0.5 * num_taps * math.log(2 * math.pi)

    def half_distance(self, value: Tensor) -> Tensor:
        """Return half the squared Mahalanobis distance of each filter from 0."""
        num_batch_dims = value.dim() - len(self.event_shape)
        column = value.flatten(num_batch_dims).unsqueeze(-1)  # (*, T, 1)

        white = torch.linalg.solve_triangular(self.scale_tril, column, upper=False)
        white = white.squeeze(-1)

        return 0.5 * white.square().sum(-1)

    def half_log_det(self) -> Tensor:
        """Return half the log determinant of the covariance of the taps."""
        return self.scale_tril.diagonal().log().sum()


@register_kl(Independent, CorrelatedFilters)
def _divergence(q: Independent, p: CorrelatedFilters) -> Tensor:
    """Return the KL divergence of independent normal taps from correlated ones, by filter."""
    num_dims = len(p.event_shape)
    is_normal = isinstance(q.base_dist, Normal)
    if not is_normal or q.reinterpreted_batch_ndims != num_dims:
        raise NotImplementedError  # torch then says that there is no closed form

    loc = q.base_dist.loc
    scale = q.base_dist.scale
    precision = torch.cholesky_inverse(p.scale_tril)
    precision = precision.diagonal().reshape(p.event_shape)

    of_taps = 0.5 * (scale.square() * precision - 1) - scale.log()
    num_batch_dims = of_taps.dim() - num_dims
    of_filters = of_taps.flatten(num_batch_dims).sum(-1)

    return of_filters + p.half_distance(loc) + p.half_log_det()
