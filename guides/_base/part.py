"""One site's part of a draw that is made for several sites together."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from guides._base.shape import Shape


class Part(TorchDistribution):
    """The value of a site that is already drawn.

    It has no randomness and no density of its own: those belong to the joint draw. Pyro
    sees a reparameterised distribution, so gradients flow through the value.

    Arguments:
        value: The value, (*S, *shape); a lazily sampled one stays lazy.
        event_dim: Number of dimensions of shape.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, value: Tensor, event_dim: int) -> None:
        num_batch_dims = value.dim() - event_dim
        batch_shape = value.shape[:num_batch_dims]
        event_shape = value.shape[num_batch_dims:]

        self.value = value
        super().__init__(batch_shape, event_shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All real tensors of the shape of an event."""
        return constraints.independent(constraints.real, self.event_dim)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Return the value."""
        return self.value

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Part:
        """Return this distribution: the value already has the batch shape."""
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0: the density is that of the joint draw."""
        return torch.zeros(
            self.batch_shape, dtype=self.value.dtype, device=self.value.device
        )


class JointPart(Part):
    """One site's part of a joint draw, with the log volume that the joint density lacks.

    It is not a `Delta`: Pyro has a closed-form divergence for that, without the volume.

    Arguments:
        value: The value, (*S, *shape); a lazily sampled one stays lazy.
        log_volume: log |dz / du|, (*S, *batch).
        event_dim: Number of dimensions of the event.
    """

    def __init__(self, value: Tensor, log_volume: Tensor, event_dim: int) -> None:
        super().__init__(value, event_dim)
        self.log_volume = log_volume

    @property
    def mean(self) -> Tensor:
        """The value, which is the only one."""
        return self.value

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the log volume."""
        return -self.log_volume.expand(self.batch_shape)
