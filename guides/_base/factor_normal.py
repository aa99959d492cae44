"""A normal with a Cholesky factor, whose own draws have a density without a solve."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from guides._base.noise import normal_noise
from guides._base.shape import Shape

_LOG_2_PI = math.log(2 * math.pi)


class FactorNormal(dist.MultivariateNormal):
    r"""A multivariate normal that takes the density of its last draw from the draw's noise.

    .. math:: z = \text{loc} + L \epsilon, \qquad
        \log q(z) = -\tfrac{1}{2} \lVert \epsilon \rVert^2 - \sum_i \log L_{ii}
        - \tfrac{P}{2} \log 2 \pi

    The density of another value needs :math:`L^{-1} (z - \text{loc})`. For some hundred
    elements the rounding errors of this solve can be as large as the numbers, and a fit
    would make them larger still, to a loss of minus infinity.

    Arguments:
        loc: Mean (P,).
        scale_tril: Cholesky factor L (P, P) of the covariance.
    """

    def __init__(self, loc: Tensor, scale_tril: Tensor) -> None:
        super().__init__(loc, scale_tril=scale_tril, validate_args=False)
        self._last: tuple[Tensor, Tensor] | None = None  # a draw and its noise

    def expand(self, batch_shape: Shape, _instance: Any = None) -> FactorNormal:
        """Return the distribution for a batch of draws."""
        new = self._get_checked_instance(FactorNormal, _instance)
        new._last = None

        return super().expand(torch.Size(batch_shape), _instance=new)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw loc + L noise."""
        shape = self._extended_shape(sample_shape)
        noise = normal_noise(shape, self.loc)
        correlated = self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)
        value = self.loc + correlated.squeeze(-1)
        self._last = (value, noise)

        return value

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density, that of the last draw from its noise."""
        if self._last is None or self._last[0] is not value:
            return super().log_prob(value)

        noise = self._last[1]
        squares = noise.square().sum(-1)
        diagonal = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1)
        log_volume = diagonal.log().sum(-1)
        constant = noise.shape[-1] * _LOG_2_PI

        return -0.5 * (squares + constant) - log_volume
