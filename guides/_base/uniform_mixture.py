"""A uniform mixture of distributions of any family, and its density."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import (
    TorchDistribution,
    TorchDistributionMixin,
)
from torch import Tensor

from guides._base.shape import Shape


class UniformMixture(TorchDistribution):
    """A mixture of distributions of one shape, all with the same weight.

    Arguments:
        parts: The K distributions.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, parts: list[TorchDistributionMixin]) -> None:
        self.parts = parts
        first = parts[0]
        super().__init__(first.batch_shape, first.event_shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The support of the first distribution, which all share."""
        return self.parts[0].support

    @property
    def mean(self) -> Tensor:
        """The mean of the means."""
        return self._means().mean(0)

    @property
    def variance(self) -> Tensor:
        """The mean of the variances, and the variance of the means."""
        within = torch.stack([part.variance for part in self.parts]).mean(0)
        between = self._means().var(0, correction=0)

        return within + between

    def sample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw from all distributions, and choose one at random for each element of a batch."""
        each = [part.sample(sample_shape) for part in self.parts]
        draws = torch.stack(each)  # (K, *S, *batch, *event)

        shape = (1, *sample_shape, *self.batch_shape)
        component = torch.randint(len(each), shape, device=draws.device)

        ones = [1] * self.event_dim
        index = component.reshape(*shape, *ones)
        chosen = torch.take_along_dim(draws, index, 0)

        return chosen[0]

    def expand(self, batch_shape: Shape, _instance: Any = None) -> UniformMixture:
        """Return the distribution with another batch shape."""
        shape = torch.Size(batch_shape)
        return UniformMixture([part.expand(shape) for part in self.parts])

    def _means(self) -> Tensor:
        """Return the means of the distributions, (K, *batch, *event)."""
        return torch.stack([part.mean for part in self.parts])

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the mixture."""
        return uniform_mixture([part.log_prob(value) for part in self.parts])


def uniform_mixture(log_densities: list[Tensor]) -> Tensor:
    """Return the log density of a uniform mixture from the log densities of its K parts."""
    stacked = torch.stack(log_densities)  # (K, ...)
    return stacked.logsumexp(0) - math.log(len(log_densities))
