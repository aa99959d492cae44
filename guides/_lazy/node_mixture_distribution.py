"""A joint draw of all nodes of a network from a mixture of normals, and its parts."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.cross_entropy import cross_entropy
from guides._base.part import Part
from guides._base.shape import Shape
from guides._lazy.nodes import LazyNodes, NodeDraw
from guides.mixture_entropy import MixtureEntropy


class Assignment:
    """The component of each example of a batch, the same for all layers of one draw.

    Arguments:
        num_components: Number of components K.
        device: Device of the assignment.
    """

    def __init__(self, num_components: int, device: torch.device) -> None:
        self.num_components = num_components
        self.device = device
        self.component: Tensor | None = None

    def __call__(self, size: int) -> Tensor:
        """Return the components (B,) of B examples: consecutive slices, shifted at random."""
        if self.component is None or len(self.component) != size:
            self.component = self._draw(size)

        return self.component

    def _draw(self, size: int) -> Tensor:
        """Draw the shift of the slices, and return the components (B,)."""
        num_components = self.num_components
        shift = torch.randint(num_components, (), device=self.device)
        examples = torch.arange(size, device=self.device)
        slices = examples * num_components // size

        return (slices + shift) % num_components


class NodeMixtureDistribution(TorchDistribution):
    """All nodes together: a uniform mixture of K normals with diagonal covariance.

    `log_prob` is minus the weighted estimate of the entropy, because that is what enters
    the loss.

    Arguments:
        loc: Means of the components, (K, C).
        scale: Standard deviations of the components, (K, C).
        entropy: The estimate of the entropy.
        weight: The factor of the entropy in the loss.
        batch_shape: Shape of a batch of draws.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real_vector,
        "scale": constraints.positive,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        scale: Tensor,
        entropy: MixtureEntropy,
        weight: float = 1.0,
        batch_shape: torch.Size = torch.Size(),  # noqa: B008
    ) -> None:
        self.loc = loc
        self.scale = scale
        self.entropy_estimate = entropy
        self.weight = weight
        super().__init__(batch_shape, loc.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw from a component that is chosen at random; the gradient goes through the normal."""
        shape = torch.Size(sample_shape) + self.batch_shape

        # A shape of one dimension: indexing with a scalar tensor would make the row a
        # constant of a traced program.
        num_draws = (shape.numel(),)
        component = torch.randint(len(self.loc), num_draws, device=self.loc.device)
        loc = self.loc[component]
        draws = loc + self.scale[component] * torch.randn_like(loc)

        return draws.reshape(*shape, -1)

    def expand(
        self, batch_shape: Shape, _instance: Any = None
    ) -> NodeMixtureDistribution:
        """Return the distribution for a batch of draws."""
        shape = torch.Size(batch_shape)
        return NodeMixtureDistribution(
            self.loc, self.scale, self.entropy_estimate, self.weight, shape
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the weighted entropy: the log density, for the Monte Carlo estimate."""
        entropy = self.entropy_estimate(self.loc, self.scale, value)
        weighted = -self.weight * entropy

        return weighted.expand(value.shape[:-1])


class NodeMixturePart(Part):
    """One layer's part of a joint draw of all nodes, with nodes of its own for each example.

    Arguments:
        value: The part of the joint draw, (*S, C).
        loc: Means of the components, (K, C).
        scale: Standard deviations of the components, (K, C).
        component: Gives the component of each example.
    """

    def __init__(
        self, value: Tensor, loc: Tensor, scale: Tensor, component: Assignment
    ) -> None:
        super().__init__(value, event_dim=1)
        self.loc = loc
        self.scale = scale
        self.component = component

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Return the part of the joint draw; that of a single draw is lazy."""
        if self.value.dim() > 1:
            return self.value

        return LazyNodes(self.value, NodeDraw(lambda: self.value, self._draw_batch))

    def _draw_batch(self, size: int) -> Tensor:
        """Draw nodes (B, C) for B examples, each from its component."""
        component = self.component(size)
        loc = self.loc.index_select(0, component)
        scale = self.scale.index_select(0, component)

        return loc + scale * torch.randn_like(loc)


@register_kl(NodeMixturePart, Independent)
def _divergence(q: NodeMixturePart, p: Independent) -> Tensor:
    """Return E_q[-log p(z)] in closed form for a normal prior, without the entropy.

    The entropy enters the loss with the joint draw.
    """
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError

    differences = q.loc - p.base_dist.loc
    squared = differences.square() + q.scale.square()  # (K, C)
    cross = cross_entropy(squared, p.base_dist)

    return cross.sum(-1).mean(0)
