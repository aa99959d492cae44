"""One site's part of a draw that was made for all sites together."""

from __future__ import annotations

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor


class Part(TorchDistribution):
    """A site's value, drawn already: no randomness and no density of its own, for the whole draw has them.

    To Pyro it is reparameterised: gradients flow through the value.

    Arguments:
        value: The value, (*S, *shape); a lazily sampled one stays so.
        event_dim: Dimensions of shape.
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, value: Tensor, event_dim: int) -> None:
        self.value = value
        batch = value.dim() - event_dim
        super().__init__(value.shape[:batch], value.shape[batch:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All real tensors of the shape of an event."""
        return constraints.independent(constraints.real, self.event_dim)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Return the value."""
        return self.value

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Part:
        """Return itself: the draw has the batch shape already."""
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0: the density is that of the whole draw."""
        return torch.zeros(
            self.batch_shape, dtype=self.value.dtype, device=self.value.device
        )
