"""Survival times that may be censored: a target is a time and whether the event was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Size, Tensor
from torch.distributions import constraints

from zoo.likelihoods.likelihood import Likelihood


class Censored(Likelihood):
    r"""Right-censored times: y = (time, event), with event 0 if only time < T is known.

    .. math:: \log p(t, e \mid f) = e \log p(t \mid f) + (1 - e) \log P(T > t \mid f)

    Targets are (N, 2). Predictions are of the time itself, as if it were never censored:
    `mean`, `std` and `interval` are (N,), and the events of `samples` are 1.

    References:
        Regression Models and Life-Tables (Cox, 1972)

    Arguments:
        make: Makes the distribution of times from outputs (*, N, O), with batch shape
            (*, N), e.g. `lambda f: dist.Weibull(f[..., 0].exp(), 2.0)`. It needs a
            distribution function `cdf`.

    Raises:
        TypeError: Anything else than a callable.

    Example:
        >>> likelihood = Censored(lambda f: dist.Exponential(f[..., 0].exp()))
        >>> likelihood.distribution(torch.zeros(8, 1), {}).mean.shape
        torch.Size([8])
    """

    target = "pairs (time, event), a time in the support and an event that is 0 or 1"

    def __init__(self, make: Callable[[Tensor], TorchDistributionMixin]) -> None:
        if not callable(make) or isinstance(make, TorchDistributionMixin):
            raise TypeError(
                f"Censored needs a callable that makes the distribution of times, not {make!r}; "
                "write Censored(lambda f: dist.Exponential(f[..., 0].exp()))"
            )
        self.make = make

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return the distribution of times that the callable makes."""
        return self.make(output)

    def as_observed(self, distribution: TorchDistributionMixin) -> RightCensored:
        """Return the distribution of (time, event)."""
        return RightCensored(distribution)

    def check_units(self) -> None:
        """Refuse other units: an event has none."""
        raise ValueError(
            "a target under Censored is a time and an event, and an event has no units; scale "
            "the times in the data"
        )

    def __repr__(self) -> str:
        name = getattr(self.make, "__name__", self.make)
        return f"Censored({name})"


_Shape = Size | list[int] | tuple[int, ...]


class RightCensored(dist.TorchDistribution):
    """The distribution of (time, event), with batch shape (*, N) and event shape (2,).

    A draw of it is a time whose event was seen.

    Arguments:
        times: The distribution of times, with batch shape (*, N).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, times: TorchDistributionMixin) -> None:
        self.times = times
        super().__init__(times.batch_shape, Size((2,)), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Times in the support, and events that are 0 or 1."""
        return _TimeAndEvent(self.times.support)

    def expand(self, batch_shape: _Shape, _instance: object = None) -> RightCensored:
        """Return the distribution with another batch shape."""
        return RightCensored(self.times.expand(batch_shape))

    def sample(self, sample_shape: _Shape = Size()) -> Tensor:  # noqa: B008
        """Draw times, with events that were seen."""
        times = self.times.sample(sample_shape)
        return torch.stack([times, torch.ones_like(times)], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of a time that was seen, or the log survival function."""
        time, event = value.unbind(-1)
        seen = self.times.log_prob(time)
        survived = log_survival(self.times, time)

        return torch.where(event > 0, seen, survived)


def log_survival(distribution: TorchDistributionMixin, time: Tensor) -> Tensor:
    """Return log P(T > time), without cancellation where the family is known.

    Arguments:
        distribution: The distribution of T.
        time: Times that broadcast with its batch shape.
    """
    if isinstance(distribution, dist.Exponential):
        return -distribution.rate * time

    if isinstance(distribution, dist.Normal):
        above = (time - distribution.loc) / distribution.scale
        return torch.special.log_ndtr(-above)

    if isinstance(distribution, (dist.LogNormal, dist.Weibull)):
        value = time
        for transform in reversed(distribution.transforms):  # all of them increase
            value = transform.inv(value)
        return log_survival(distribution.base_dist, value)

    below = distribution.cdf(time)
    largest = 1 - torch.finfo(below.dtype).eps
    return torch.log1p(-below.clamp(max=largest))


class _TimeAndEvent(constraints.Constraint):
    """Pairs of a time in a support and an event that is 0 or 1."""

    event_dim = 1

    def __init__(self, of_time: constraints.Constraint) -> None:
        self.of_time = of_time

    def check(self, value: Tensor) -> Tensor:
        """Return which pairs are inside."""
        time, event = value.unbind(-1)
        return self.of_time.check(time) & ((event == 0) | (event == 1))
