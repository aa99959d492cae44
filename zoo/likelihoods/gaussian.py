"""Gaussian likelihood with one scale, fixed or with a prior of its own."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import PREFIX, Likelihood
from zoo.runtime.distributions import describe, to


class Gaussian(Likelihood):
    r"""Gaussian noise of one scale around the network's output.

    .. math:: y \sim N(f(x), \text{scale}^2)

    Should not be confused with `HeteroscedasticGaussian`, where the network gives the
    scale as well.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.1

    Arguments:
        scale: Standard deviation of the noise in units of y: a positive number, a
            tensor (O,), or a distribution with positive support, of shape () or (O,),
            when the noise is to be inferred (site `likelihood:scale`).

    Example:
        >>> Gaussian(scale=dist.HalfNormal(1.0))
        Gaussian(scale=HalfNormal(1))
    """

    target = "finite real numbers"

    def __init__(self, scale: float | Tensor | TorchDistributionMixin) -> None:
        if isinstance(scale, TorchDistributionMixin):
            lowest = (
                scale.support.base_constraint
                if hasattr(scale.support, "base_constraint")
                else scale.support
            )
            if getattr(lowest, "lower_bound", -1) < 0:
                raise ValueError(
                    f"the prior of the noise scale, {describe(scale)}, allows negative values; "
                    "use a positive one, dist.HalfNormal(1.0) say"
                )
        elif not bool(torch.as_tensor(scale > 0).all()):
            raise ValueError(
                f"the noise scale is a standard deviation and must be positive, not {scale}"
            )
        self.scale = scale

    def distribution(self, output: Tensor, noise: Mapping[str, Tensor]) -> dist.Normal:
        """Return Normal(output, scale)."""
        scale = noise.get(f"{PREFIX}scale", self.scale)
        return dist.Normal(
            output, scale.to(output) if isinstance(scale, Tensor) else scale
        )

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the prior of the scale if it has one."""
        if not isinstance(self.scale, TorchDistributionMixin):
            return {}
        prior = to(self.scale, like)
        return {f"{PREFIX}scale": prior.to_event(len(prior.batch_shape))}

    def __repr__(self) -> str:
        scale = (
            describe(self.scale)
            if isinstance(self.scale, TorchDistributionMixin)
            else self.scale
        )
        return f"Gaussian(scale={scale})"
