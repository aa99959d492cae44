"""An even mixture of distributions of any family, and the density of one."""

from __future__ import annotations

import math

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import (
    TorchDistribution,
    TorchDistributionMixin,
)
from torch import Tensor


class UniformMixture(TorchDistribution):
    """An even mixture of distributions of one shape.

    Arguments:
        parts: The distributions.
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, parts: list[TorchDistributionMixin]) -> None:
        self.parts = parts
        super().__init__(
            parts[0].batch_shape, parts[0].event_shape, validate_args=False
        )

    @property
    def support(self) -> constraints.Constraint:
        """The values that the first distribution can take, and so all."""
        return self.parts[0].support

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw from one distribution, drawn evenly for each element of a batch."""
        draws = torch.stack(
            [part.sample(sample_shape) for part in self.parts]
        )  # (K, *S, *batch, *event)
        chosen = torch.randint(
            len(draws), (1, *sample_shape, *self.batch_shape), device=draws.device
        )
        return torch.take_along_dim(
            draws, chosen.reshape(*chosen.shape, *[1] * self.event_dim), 0
        )[0]

    def expand(
        self, batch_shape: torch.Size, _instance: object = None
    ) -> UniformMixture:
        """Return the distribution with another batch shape."""
        return UniformMixture(
            [part.expand(torch.Size(batch_shape)) for part in self.parts]
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the mixture."""
        return even([part.log_prob(value) for part in self.parts])


def even(densities: list[Tensor]) -> Tensor:
    """Return the log density of an even mixture from the log densities of its parts."""
    return torch.stack(densities).logsumexp(0) - math.log(len(densities))
