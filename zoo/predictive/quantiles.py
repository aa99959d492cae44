"""Quantiles of a mixture over draws: exact by bisection, else from samples."""

from __future__ import annotations

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Categorical, constraints

from zoo.likelihoods.likelihood import Likelihood
from zoo.predictive.units import TargetUnits
from zoo.runtime.distributions import without_events

_NUM_SAMPLES = 1000  # targets at least, for a mixture without a distribution function
_NUM_BISECTIONS = 50


def check_quantile(
    likelihood: Likelihood, distribution: TorchDistributionMixin, probability: float
) -> None:
    """Refuse an improper probability, and quantiles of classes without an order."""
    if not 0 < probability < 1:
        raise ValueError(f"probability must be between 0 and 1, not {probability}")

    if not likelihood.has_order(distribution):
        raise AttributeError(
            f"{likelihood!r} is of classes, which have no order; use probs"
        )


def quantile_in_units(
    distribution: TorchDistributionMixin, probability: float, units: TargetUnits
) -> Tensor:
    """Return the quantile in the units of targets; a negative scale reverses the order.

    Arguments:
        distribution: The components, of batch shape (S, N, ...).
        probability: Mass below the quantile, between 0 and 1.
        units: Units of the targets.
    """
    quantile = mixture_quantile(distribution, probability)

    is_reversed = units.is_reversed(quantile)
    if bool(is_reversed.any()):
        from_above = mixture_quantile(distribution, 1 - probability)
        quantile = torch.where(is_reversed, from_above, quantile)

    return quantile if units.is_own else units.to(quantile)


def mixture_quantile(
    distribution: TorchDistributionMixin, probability: float
) -> Tensor:
    """Return the quantile of an equally weighted mixture over the first batch dimension, (N, ...).

    It is exact for ordinal classes. It is exact too, by bisection of the mixture's
    distribution function, if the components are on the real line with a finite variance
    and have distribution functions. Else it is that of samples.

    Arguments:
        distribution: The components, of batch shape (S, N, ...).
        probability: Mass below the quantile, between 0 and 1.
    """
    base = without_events(distribution)
    if isinstance(base, Categorical):
        return _of_classes(base.probs.mean(0), probability)

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


def _of_classes(probs: Tensor, probability: float) -> Tensor:
    """Return the first class up to which the probabilities (N, ..., O) sum to a given one."""
    below = probs.cumsum(-1)[..., :-1]

    return (below < probability).sum(-1)


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
