"""Gaussian likelihood where the network gives the mean and the noise scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pyro.distributions as dist
from torch import Tensor
from torch.nn.functional import softplus

from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.missing import check_missing


class HeteroscedasticGaussian(Likelihood):
    r"""Regression: Gaussian noise that depends on the input; the network has 2 O outputs.

    .. math::
        y \sim N(m(x), s(x)^2), \qquad (m, r) = f(x), \quad
        s = \text{min\_scale} + \log(1 + e^r)

    References:
        Estimating the mean and variance of the target probability distribution (Nix, Weigend,
        1994)

    Arguments:
        min_scale: Smallest standard deviation in units of y; it keeps the density
            bounded.
        missing: "nan" if targets may be NaN, which are left out element by element.
        dim: The dimension of the 2 O outputs, counted from the last, -1; -3 for images
            (N, 2 C, H, W) and targets (N, C, H, W).

    Raises:
        ValueError: A min_scale that is not positive, or a dim that is not below 0.

    Example:
        >>> likelihood = HeteroscedasticGaussian()
        >>> likelihood.distribution(torch.zeros(8, 2), {}).batch_shape
        torch.Size([8, 1])
    """

    target = "finite real numbers"

    def __init__(
        self,
        min_scale: float = 1e-3,
        missing: Literal["nan"] | None = None,
        dim: int = -1,
    ) -> None:
        check_missing(missing)
        if min_scale <= 0:
            raise ValueError(
                f"min_scale is a standard deviation and must be positive, not {min_scale}"
            )
        if dim >= 0:
            raise ValueError(
                f"dim is counted from the last dimension, because draws may come first; write -1, "
                f"or -3 for images, not {dim}"
            )
        self.min_scale = min_scale
        self.missing = missing
        self.dim = dim

    def distribution(self, output: Tensor, noise: Mapping[str, Tensor]) -> dist.Normal:
        """Return Normal(mean, scale) from outputs (*, N, 2 O)."""
        num_outputs = output.shape[self.dim]
        if num_outputs % 2:
            raise ValueError(
                "the network must have two outputs for each target, a mean and a scale, not "
                f"{num_outputs} in all"
            )

        mean, raw = output.chunk(2, dim=self.dim)
        scale = self.min_scale + softplus(raw)

        return dist.Normal(mean, scale)
