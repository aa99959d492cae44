"""A joint draw of all nodes of a network from a mixture of normals, and each layer's part of it."""

from __future__ import annotations

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.cross_entropy import cross_entropy
from guides._base.part import Part
from guides._lazy.nodes import LazyNodes, NodeDraw
from guides.mixture_entropy import MixtureEntropy


class Assignment:
    """Which component each example of a batch takes, the same for all layers of one draw."""

    def __init__(self, num_components: int, device: torch.device) -> None:
        self.num_components, self.device = num_components, device
        self.component: Tensor | None = None

    def __call__(self, size: int) -> Tensor:
        """Return the components (B,) of B examples, in slices that start anywhere."""
        if self.component is None or len(self.component) != size:
            shift = torch.randint(self.num_components, (), device=self.device)
            slices = (
                torch.arange(size, device=self.device) * self.num_components // size
            )
            self.component = (slices + shift) % self.num_components
        return self.component


class Joint(TorchDistribution):
    """All nodes at once: an even mixture of K normals with diagonal covariance, loc and scale (K, C).

    What enters the loss as its log density is minus the weighted estimate of its
    entropy.
    """

    arg_constraints = {"loc": constraints.real_vector, "scale": constraints.positive}  # noqa: RUF012
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
        self.loc, self.scale, self.entropy, self.weight = loc, scale, entropy, weight
        super().__init__(batch_shape, loc.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw from a component drawn evenly; the gradient goes through the normal."""
        shape = torch.Size(sample_shape) + self.batch_shape
        # a list of one, for a single number would leave the graph of a traced program
        # to choose the row
        component = torch.randint(
            len(self.loc), (shape.numel(),), device=self.loc.device
        )
        loc = self.loc[component]
        return (loc + self.scale[component] * torch.randn_like(loc)).reshape(*shape, -1)

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Joint:
        """Return the distribution for a batch of draws."""
        return Joint(
            self.loc, self.scale, self.entropy, self.weight, torch.Size(batch_shape)
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the weighted entropy, which is the log density itself in one draw's estimate."""
        return (-self.weight * self.entropy(self.loc, self.scale, value)).expand(
            value.shape[:-1]
        )


class Node(Part):
    """One layer's part of a joint draw, with a law for each example."""

    def __init__(
        self, value: Tensor, loc: Tensor, scale: Tensor, component: Assignment
    ) -> None:
        super().__init__(value, event_dim=1)
        self.loc, self.scale, self.component = loc, scale, component

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Return the part of the joint draw, lazily where it is one draw."""
        if self.value.dim() > 1:
            return self.value
        return LazyNodes(self.value, NodeDraw(lambda: self.value, self.each))

    def each(self, size: int) -> Tensor:
        """Draw nodes (B, C) for B examples, each from its component."""
        component = self.component(size)
        loc = self.loc.index_select(0, component)
        return loc + self.scale.index_select(0, component) * torch.randn_like(loc)


@register_kl(Node, Independent)
def _cross_entropy(q: Node, p: Independent) -> Tensor:
    """E_q[-log p(z)] in closed form for a normal prior, averaged over components; the entropy is the joint's."""
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError
    squared = (q.loc - p.base_dist.loc).square() + q.scale.square()  # (K, C)
    return cross_entropy(squared, p.base_dist).sum(-1).mean(0)
