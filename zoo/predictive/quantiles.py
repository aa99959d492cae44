"""Quantiles of a mixture over draws: exact by bisection, else from samples."""

from __future__ import annotations

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import constraints

_NUM_SAMPLES = 1000  # targets at least, for a mixture without a distribution function
_NUM_BISECTIONS = 50


def mixture_quantile(
    distribution: TorchDistributionMixin, probability: float
) -> Tensor:
    """Return the quantile of an equally weighted mixture over the first batch dimension, (N, ...).

    It is exact, by bisection of the mixture's distribution function, if the components
    are on the real line with a finite variance and have distribution functions. Else it
    is that of samples.

    Arguments:
        distribution: The components, of batch shape (S, N, ...).
        probability: Mass below the quantile, between 0 and 1.
    """
    if _has_distribution_function(distribution):
        return _by_bisection(distribution, probability)

    return _from_samples(distribution, probability)


def _has_distribution_function(distribution: TorchDistributionMixin) -> bool:
    """Return whether a distribution on the real line has moments and a distribution function."""
    try:
        if distribution.support is not constraints.real:
            return False

        if not bool(torch.isfinite(distribution.stddev).all()):
            return False

        return distribution.cdf(distribution.mean) is not None
    except NotImplementedError:
        return False


def _by_bisection(distribution: TorchDistributionMixin, probability: float) -> Tensor:
    """Find where the mixture's distribution function has a given value."""
    tail = min(probability, 1 - probability)
    reach = distribution.stddev * tail**-0.5  # Cantelli's inequality
    mean = distribution.mean
    low = (mean - reach).amin(0)
    high = (mean + reach).amax(0)

    for _ in range(_NUM_BISECTIONS):
        middle = (low + high) / 2
        below = distribution.cdf(middle).mean(0)
        is_below = below < probability
        low = torch.where(is_below, middle, low)
        high = torch.where(is_below, high, middle)

    return (low + high) / 2


def _from_samples(distribution: TorchDistributionMixin, probability: float) -> Tensor:
    """Return the quantile of samples, the same number from each component."""
    num_components = distribution.batch_shape[0]
    num_each = -(-_NUM_SAMPLES // num_components)
    samples = distribution.sample((num_each,)).flatten(0, 1)
    ordered = samples.sort(0).values
    index = round(probability * (len(ordered) - 1))

    return ordered[index]
