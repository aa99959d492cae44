"""The distribution of a normalising flow's draws, and the nodes that are part of one draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Normal

from guides._base.noise import normal_noise
from guides._base.part import JointPart
from guides._base.shape import Shape
from guides._lazy.nodes import LazyNodes, NodeDraw


class FlowTransform(Protocol):
    """A transform of zuko: it returns a value together with its log Jacobian determinant."""

    @property
    def inv(self) -> FlowTransform:
        """The inverse transform."""
        ...

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return T(x) (*, P) and log |det T'(x)| (*)."""
        ...


class FlowDistribution(TorchDistribution):
    """The distribution of u = T(eps): P standard normals, transformed by T.

    Arguments:
        transform: The transform T of vectors (P,).
        like: A tensor (P,) with the dtype and device of a draw.
        batch_shape: Shape of a batch of draws.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        transform: FlowTransform,
        like: Tensor,
        batch_shape: torch.Size = torch.Size(),  # noqa: B008
    ) -> None:
        self.transform = transform
        self.like = like
        self.drawn: tuple[Tensor, Tensor] | None = None  # the last draw and its density
        self.rows: Tensor | None = None
        super().__init__(batch_shape, like.shape, validate_args=False)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw u, and keep its log density, which is costly to compute from u alone."""
        self.drawn = self._draw(*sample_shape, *self.batch_shape)
        return self.drawn[0]

    def batch(self, size: int) -> Tensor:
        """Draw u (B, P) for the examples of a batch, the same for all layers."""
        if self.rows is None or len(self.rows) != size:
            self.rows = self._draw(size)[0]

        return self.rows

    def expand(self, batch_shape: Shape, _instance: Any = None) -> FlowDistribution:
        """Return the distribution for a batch of draws."""
        return FlowDistribution(self.transform, self.like, torch.Size(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density by the change of variables."""
        if self.drawn is not None and value is self.drawn[0]:
            return self.drawn[1]

        noise, log_jacobian = self.transform.inv.call_and_ladj(value)

        return _standard_normal(noise) + log_jacobian

    def _draw(self, *shape: int) -> tuple[Tensor, Tensor]:
        """Draw u (*shape, P) with its log density (*shape)."""
        noise = normal_noise((*shape, *self.like.shape), self.like)
        value, log_jacobian = self.transform.call_and_ladj(noise)
        density = _standard_normal(noise) - log_jacobian

        return value, density


class FlowPart(JointPart):
    """A layer's nodes as part of a draw of a flow, lazy so that each example may have its own.

    Arguments:
        part: The part of the joint draw.
        draw_batch: Draws nodes (B, C) for B examples.
    """

    def __init__(self, part: JointPart, draw_batch: Callable[[int], Tensor]) -> None:
        super().__init__(part.value, part.log_volume, part.event_dim)
        self.draw_batch = draw_batch

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Return the nodes as a lazily sampled tensor."""
        return LazyNodes(self.value, NodeDraw(lambda: self.value, self.draw_batch))


def _standard_normal(noise: Tensor) -> Tensor:
    """Return the log density of standard normals (*, P), (*)."""
    normal = Normal(torch.zeros_like(noise), 1.0, validate_args=False)
    return normal.log_prob(noise).sum(-1)
