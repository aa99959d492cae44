"""Gaussian likelihood whose scale the network gives beside the mean."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
from torch import Tensor
from torch.nn.functional import softplus

from zoo.likelihoods.likelihood import Likelihood


class HeteroscedasticGaussian(Likelihood):
    r"""Gaussian noise whose scale depends on the input: the network has 2 O outputs, O means and O raw scales.

    .. math:: y \sim N(m(x), s(x)^2), \qquad (m, r) = f(x), \quad s = \text{min\_scale} + \log(1 + e^r)

    References:
        Estimating the mean and variance of the target probability distribution (Nix, Weigend, 1994)

    Arguments:
        min_scale: Least standard deviation in units of y, which keeps the density
            bounded.

    Example:
        >>> likelihood = HeteroscedasticGaussian()
        >>> likelihood.distribution(torch.zeros(8, 2), {}).batch_shape
        torch.Size([8, 1])
    """

    target = "finite real numbers"

    def __init__(self, min_scale: float = 1e-3) -> None:
        if min_scale <= 0:
            raise ValueError(
                f"min_scale is a standard deviation and must be positive, not {min_scale}"
            )
        self.min_scale = min_scale

    def distribution(self, output: Tensor, noise: Mapping[str, Tensor]) -> dist.Normal:
        """Return Normal(mean, scale) from outputs (*, N, 2 O)."""
        if output.shape[-1] % 2:
            raise ValueError(
                f"a heteroscedastic network gives a mean and a scale for every target, so an even number of "
                f"outputs; this one gives {output.shape[-1]}"
            )
        mean, raw = output.chunk(2, dim=-1)
        return dist.Normal(mean, self.min_scale + softplus(raw))

    def __repr__(self) -> str:
        return "HeteroscedasticGaussian()"
