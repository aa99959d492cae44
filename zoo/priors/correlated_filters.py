"""Correlated filters: neighbouring taps of a convolution are alike before any data are seen."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn
from torch.distributions import Independent, Normal, register_kl
from torch.nn.modules.conv import _ConvNd

from zoo.priors.selection import Selected, owner
from zoo.priors.treatment import Point, Rule, words


def correlated_filters(
    scale: float = 1.0,
    lengthscale: float = 1.0,
    otherwise: Rule = Point(),  # noqa: B008
) -> Selected:
    r"""Normal filters whose taps correlate the more the closer they are (Matérn kernel of order 1/2).

    .. math:: \operatorname{Cov}(w_{oi,a}, w_{oi,b}) = \text{scale}^2 \exp(-|a - b| / \text{lengthscale})

    Filters are independent of each other; a and b are positions of taps, in pixels.

    References:
        Bayesian Neural Network Priors Revisited (Fortuin, Garriga-Alonso, Ober et al., 2022)

    Arguments:
        scale: Standard deviation of a tap.
        lengthscale: Distance in pixels at which the correlation has fallen to 1/e.
        otherwise: What all but the weights of convolutions get.

    Raises:
        ValueError: A scale or length that is not positive.

    Example:
        >>> correlated_filters(0.5, otherwise=dist.Normal(0.0, 1.0))
        correlated_filters(0.5, lengthscale=1, otherwise=Normal(0, 1))
    """
    for name, value in (("scale", scale), ("lengthscale", lengthscale)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, not {value}")

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        def rule(name: str, tensor: Tensor) -> Rule:
            if tensor.dim() < 3 or not isinstance(owner(network, name), _ConvNd):
                return otherwise
            return CorrelatedFilters(
                tensor.new_tensor(scale),
                tensor.new_tensor(lengthscale),
                tensor.shape[2:],
            )

        return rule

    return Selected(
        choose,
        f"correlated_filters({scale:g}, lengthscale={lengthscale:g}, otherwise={words(otherwise)})",
    )


class CorrelatedFilters(TorchDistribution):
    """The distribution of one filter, an event of its h x w taps, for `correlated_filters`.

    Arguments:
        scale: Standard deviation of a tap, ().
        lengthscale: Distance at which the correlation has fallen to 1/e, ().
        taps: Shape of a filter, (h, w) or of any dimension.
    """

    arg_constraints = {
        "scale": constraints.positive,
        "lengthscale": constraints.positive,
    }
    has_rsample = True

    def __init__(self, scale: Tensor, lengthscale: Tensor, taps: torch.Size) -> None:
        self.scale, self.lengthscale = scale, lengthscale
        places = (
            torch.ones(taps, device=scale.device).nonzero().to(scale.dtype)
        )  # (T, dimensions)
        distance = (places.unsqueeze(0) - places.unsqueeze(1)).square().sum(-1).sqrt()
        self.scale_tril = scale * torch.linalg.cholesky(
            (-distance / lengthscale).exp()
        )  # (T, T)
        super().__init__(torch.Size(), torch.Size(taps))

    @property
    def support(self) -> constraints.Constraint:
        """All real filters."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def expand(
        self, batch_shape: torch.Size, _instance: object = None
    ) -> CorrelatedFilters:
        """Return the distribution for a batch of filters."""
        new = self._get_checked_instance(CorrelatedFilters, _instance)
        new.scale, new.lengthscale, new.scale_tril = (
            self.scale,
            self.lengthscale,
            self.scale_tril,
        )
        TorchDistribution.__init__(
            new, torch.Size(batch_shape), self.event_shape, validate_args=False
        )
        return new

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw filters."""
        shape = self._extended_shape(sample_shape)
        noise = torch.randn(
            *shape[: len(shape) - len(self.event_shape)],
            len(self.scale_tril),
            dtype=self.scale.dtype,
            device=self.scale.device,
        )
        return (noise @ self.scale_tril.T).reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of each filter."""
        return (
            -self.half_distance(value)
            - self.half_log_det()
            - 0.5 * len(self.scale_tril) * math.log(2 * math.pi)
        )

    def half_distance(self, value: Tensor) -> Tensor:
        """Return half the squared Mahalanobis distance of each filter from 0."""
        flat = value.flatten(value.dim() - len(self.event_shape))  # (*, T)
        white = torch.linalg.solve_triangular(
            self.scale_tril, flat.unsqueeze(-1), upper=False
        ).squeeze(-1)
        return 0.5 * white.square().sum(-1)

    def half_log_det(self) -> Tensor:
        """Return half the log determinant of the covariance of the taps."""
        return self.scale_tril.diagonal().log().sum()


@register_kl(Independent, CorrelatedFilters)
def _divergence(q: Independent, p: CorrelatedFilters) -> Tensor:
    r"""KL of independent normal taps from correlated ones, for each filter."""
    taps = len(p.event_shape)
    if not isinstance(q.base_dist, Normal) or q.reinterpreted_batch_ndims != taps:
        raise NotImplementedError
    loc, scale = q.base_dist.loc, q.base_dist.scale
    precision = torch.cholesky_inverse(p.scale_tril).diagonal().reshape(p.event_shape)
    each = 0.5 * (scale.square() * precision - 1) - scale.log()
    return (
        each.flatten(each.dim() - taps).sum(-1)
        + p.half_distance(loc)
        + p.half_log_det()
    )
