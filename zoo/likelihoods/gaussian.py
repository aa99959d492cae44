"""Gaussian likelihood of one noise scale, which is fixed or has a prior."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import PREFIX, Likelihood
from zoo.runtime.distributions import describe, to

_SCALE = f"{PREFIX}scale"


class Gaussian(Likelihood):
    r"""Gaussian noise of one scale around the network's output.

    .. math:: y \sim N(f(x), \text{scale}^2)

    Should not be confused with `HeteroscedasticGaussian`, where the network gives the
    scale as well.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.1

    Arguments:
        scale: Standard deviation of the noise in units of y: a positive number, or a
            tensor (O,). To infer the noise, a distribution with positive support, of
            shape () or (O,); its site is `likelihood:scale`.

    Raises:
        ValueError: A scale that is not positive, or a prior that allows negative values.

    Example:
        >>> Gaussian(scale=dist.HalfNormal(1.0))
        Gaussian(scale=HalfNormal(1))
    """

    target = "finite real numbers"

    def __init__(self, scale: float | Tensor | TorchDistributionMixin) -> None:
        if isinstance(scale, TorchDistributionMixin):
            _check_prior(scale)
        else:
            _check_scale(scale)
        self.scale = scale

    def distribution(self, output: Tensor, noise: Mapping[str, Tensor]) -> dist.Normal:
        """Return Normal(output, scale)."""
        scale = noise.get(_SCALE, self.scale)
        if isinstance(scale, Tensor):
            scale = scale.to(output)
        return dist.Normal(output, scale)

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the prior of the scale if it has one."""
        if not isinstance(self.scale, TorchDistributionMixin):
            return {}

        prior = to(self.scale, like)
        return {_SCALE: prior.to_event(len(prior.batch_shape))}

    def __repr__(self) -> str:
        if isinstance(self.scale, TorchDistributionMixin):
            return f"Gaussian(scale={describe(self.scale)})"
        return f"Gaussian(scale={self.scale})"


def _check_scale(scale: float | Tensor) -> None:
    positive = torch.as_tensor(scale > 0)
    if not bool(positive.all()):
        raise ValueError(
            f"the noise scale is a standard deviation and must be positive, not {scale}"
        )


def _check_prior(prior: TorchDistributionMixin) -> None:
    support = prior.support
    if hasattr(support, "base_constraint"):
        support = support.base_constraint

    lower_bound = getattr(support, "lower_bound", -1)
    if lower_bound < 0:
        raise ValueError(
            f"the prior of the noise scale, {describe(prior)}, allows negative values; use a "
            "positive one, e.g. dist.HalfNormal(1.0)"
        )
