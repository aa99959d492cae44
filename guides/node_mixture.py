"""Mixture of Gaussians over the nodes of a network, with noise per example in training."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides.mean_field import MeanField
from guides.nodes import LazyNodes, NodeDraw
from guides.parameters import ByName
from guides.site import Site


class NodeMixture(MeanField):
    r"""K Gaussians over all nodes together; every other site is mean-field normal.

    .. math:: q(z_1, \dots, z_L) = \frac{1}{K} \sum_{k=1}^{K} \prod_l N(z_l \mid \mu_{k,l}, \sigma_{k,l}^2)

    One component is shared by all layers of a draw, so components are whole networks. In training each example of
    a batch has nodes of its own, from the component of its slice: example i of B takes component
    (⌊iK/B⌋ + u) mod K with u drawn anew every step, which is unbiased for any B; B should be well above K. Of the
    divergence, the expected log prior is in closed form for normal priors and the entropy of the mixture is
    estimated with one draw, so the loss stays a bound. K = 1 is the plain case: independent normals, analytic KL.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi, Kaski, 2022)

    Arguments:
        model: A Pyro model with node sites, under a `NodePrior` say.
        num_components: Number of components K.
        init_scale: Standard deviation at the start, within a component.
        max_scale: Ceiling of the standard deviations, none by default.
        spread: Standard deviation of the components' means round the model's starting values; without it K
            components stay copies of one.
        nodes: Names of the sites that are nodes, for a model that does not say so itself.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: No component; a model without nodes; nodes with bounded support.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> model = zoo.BayesianNetwork(network, priors.NodePrior(dist.Normal(1.0, 0.3)), likelihoods.Gaussian(0.1))
        >>> NodeMixture(model, num_components=4).num_parameters()
        128
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        num_components: int = 4,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        spread: float = 0.3,
        nodes: list[str] | None = None,
        example: tuple = (),
    ) -> None:
        super().__init__(model, init_scale=init_scale, max_scale=max_scale, example=example)
        if num_components < 1:
            raise ValueError(f"a mixture has at least one component, not {num_components}")
        self.nodes = nodes or [name for name, site in self.sites.items() if site.is_node]
        if not self.nodes:
            raise ValueError(
                f"none of the sites {', '.join(self.sites)} is a node; use priors.NodePrior, or name the nodes "
                "by nodes=[...]"
            )
        bounded = [name for name in self.nodes if not self.sites[name].is_real]
        if bounded:
            raise ValueError(
                f"the nodes {', '.join(bounded)} have bounded support ({self.sites[bounded[0]].support}); "
                "NodeMixture needs real ones, dist.Normal(1.0, 0.3) say"
            )
        self.num_components = num_components
        if num_components > 1:
            self.spread_out(spread)

    def spread_out(self, spread: float) -> None:
        """Give each node K means instead of one, spread round it."""
        loc = {name: self.loc[name] for name in self.sites}
        rho = {name: self.rho[name] for name in self.sites}
        for name in self.nodes:
            start = loc[name].detach().expand(self.num_components, -1)
            loc[name] = start + spread * torch.randn_like(start)  # (K, C)
            rho[name] = rho[name].detach().expand(self.num_components, -1)
        self.loc, self.rho = ByName(loc), ByName(rho)

    def forward(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Sample the nodes jointly, then the other sites."""
        if self.num_components == 1:
            return super().forward()
        loc = torch.cat([self.loc[name] for name in self.nodes], -1)  # (K, C_1 + ... + C_L)
        scale = torch.cat([self.scale(name) for name in self.nodes], -1)
        joint = pyro.sample("nodes:joint", Joint(loc, scale), infer={"is_auxiliary": True})
        parts = joint.split([self.loc[name].shape[-1] for name in self.nodes], -1)
        values, component = (
            dict(zip(self.nodes, parts, strict=True)),
            Assignment(self.num_components),
        )
        return {
            name: self.sample(
                site,
                Node(values[name], self.loc[name], self.scale(name), component)
                if name in values
                else self.distribution(site),
            )
            for name, site in self.sites.items()
        }

    def normal(self, site: Site) -> dist.Normal:
        """Return the normal of a site, lazily sampled for the nodes of the plain case."""
        normal = super().normal(site)
        return NodeNormal(normal.loc, normal.scale) if site.name in self.nodes else normal


class Assignment:
    """Which component each example of a batch takes, the same for all layers of one draw."""

    def __init__(self, num_components: int) -> None:
        self.num_components = num_components
        self.component: Tensor | None = None

    def __call__(self, size: int) -> Tensor:
        """Return the components (B,) of B examples, in slices that start anywhere."""
        if self.component is None or len(self.component) != size:
            shift = torch.randint(self.num_components, ())
            self.component = (torch.arange(size) * self.num_components // size + shift) % self.num_components
        return self.component


class Joint(TorchDistribution):
    """All nodes at once: an even mixture of K normals with diagonal covariance, loc and scale (K, C)."""

    arg_constraints = {"loc": constraints.real_vector, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, scale: Tensor, batch_shape: torch.Size = torch.Size()) -> None:  # noqa: B008
        self.loc, self.scale = loc, scale
        super().__init__(batch_shape, loc.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw from a component drawn evenly; the gradient goes through the normal."""
        component = torch.randint(len(self.loc), torch.Size(sample_shape) + self.batch_shape)
        loc = self.loc[component]
        return loc + self.scale[component] * torch.randn_like(loc)

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Joint:
        """Return the distribution for a batch of draws."""
        return Joint(self.loc, self.scale, torch.Size(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the mixture."""
        parts = dist.Normal(self.loc, self.scale).log_prob(value.unsqueeze(-2)).sum(-1)  # (*, K)
        return parts.logsumexp(-1) - math.log(len(self.loc))


class Node(TorchDistribution):
    """One layer's part of a joint draw: no randomness and no density of its own, but a law per example."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, value: Tensor, loc: Tensor, scale: Tensor, component: Assignment) -> None:
        self.value, self.loc, self.scale, self.component = value, loc, scale, component
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Return the part of the joint draw, lazily where it is one draw."""
        if self.value.dim() > 1:
            return self.value
        return LazyNodes(self.value, NodeDraw(lambda: self.value, self.each))

    def each(self, size: int) -> Tensor:
        """Draw nodes (B, C) for B examples, each from its component."""
        component = self.component(size)
        loc = self.loc[component]
        return loc + self.scale[component] * torch.randn_like(loc)

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Node:
        """Return itself: the joint draw has the batch shape already."""
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0: the density is that of the joint draw."""
        return self.value.new_zeros(self.batch_shape)


class NodeNormal(dist.Normal):
    """Independent normal nodes, each example of a batch with its own."""

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw lazily; a batch of draws is drawn at once."""
        if sample_shape:
            return super().rsample(sample_shape)
        loc, scale = self.loc, self.scale

        def each(size: int) -> Tensor:
            return loc + scale * torch.randn(size, *loc.shape, dtype=loc.dtype, device=loc.device)

        return LazyNodes(loc, NodeDraw(lambda: loc + scale * torch.randn_like(loc), each))

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> dist.Normal:
        """Return an ordinary normal: draws in a plate are ordinary draws."""
        return dist.Normal(self.loc, self.scale).expand(batch_shape)


@register_kl(Node, Independent)
def _cross_entropy(q: Node, p: Independent) -> Tensor:
    """E_q[-log p(z)] in closed form for a normal prior, averaged over components; the entropy is the joint's."""
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError
    loc, scale = p.base_dist.loc, p.base_dist.scale
    squared = (q.loc - loc).square() + q.scale.square()  # (K, C)
    density = -squared / (2 * scale.square()) - scale.log() - 0.5 * math.log(2 * math.pi)
    return -density.sum(-1).mean(0)
