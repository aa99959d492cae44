"""The random choice of one component of a mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from guides._base.shape import Shape


class ComponentChoice(TorchDistribution):
    """The index of the component that a draw comes from, all with the same probability.

    `log_prob` is the log density of the whole draw under the mixture, because that is what
    enters the loss. It is computed only when it is asked for: by then the layers have
    drawn the noise of lazily sampled weights.

    Arguments:
        num_components: Number of components K.
        like: A tensor on the device of the index.
        density: Returns the log density of the whole draw.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(
        self, num_components: int, like: Tensor, density: Callable[[], Tensor]
    ) -> None:
        self.num_components = num_components
        self.like = like
        self.density = density
        super().__init__(validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The indices of the components."""
        return constraints.integer_interval(0, self.num_components - 1)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw the index of a component, ()."""
        return torch.randint(self.num_components, (), device=self.like.device)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> ComponentChoice:
        """Refuse a batch of draws: all of them would come from one component."""
        raise ValueError(
            f"a Mixture makes one draw at a time, not a batch of shape {tuple(batch_shape)}"
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the draw under all components."""
        return self.density()
