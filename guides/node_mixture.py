"""Mixture of Gaussians over the nodes of a network, with noise per example in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from guides._base.parameters import ByName
from guides._base.site import Site
from guides._lazy.joint_nodes import Assignment, Joint, Node
from guides.mean_field import MeanField
from guides.mixture_entropy import (
    Bhattacharyya,
    MixtureEntropy,
    MonteCarlo,
    log_density,
)


class NodeMixture(MeanField):
    r"""K Gaussians over all nodes together; every other site is mean-field normal.

    .. math:: q(z_1, \dots, z_L) = \frac{1}{K} \sum_{k=1}^{K} \prod_l N(z_l \mid \mu_{k,l}, \sigma_{k,l}^2)

    One component is shared by all layers of a draw, so components are whole networks.
    In training each example of a batch has nodes of its own, from the component of its
    slice: example i of B takes component (⌊iK/B⌋ + u) mod K with u drawn anew every
    step, which is unbiased for any B; B should be well above K. Of the divergence, the
    expected log prior is in closed form for normal priors; the entropy of the mixture
    has none, and `entropy` says how it is estimated. The loss is a bound (`bound`)
    under the default, an unbiased estimate, and under the lower bounds,
    `guides.mixture_entropy.Bhattacharyya()` and `ComponentMean()`; it is none under the
    upper ones, `KolchinskyTracey()` and `MomentMatched()`, nor under an entropic weight
    γ > 0:

    .. math:: L_\gamma = ELBO + \gamma \, H[q], \qquad
        K = 1: \; \max L_\gamma \Leftrightarrow q \approx p(z \mid D)^{\tau}, \; \tau = 1 / (1 + \gamma)

    With K = 1 the entropy is exact, and the divergence analytic under a normal prior.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi, Kaski, 2022)
        Estimating Mixture Entropy with Pairwise Distances (Kolchinsky, Tracey, 2017)

    Arguments:
        model: A Pyro model with node sites, under a `NodePrior` say.
        num_components: Number of components K.
        init_scale: Standard deviation at the start, within a component.
        max_scale: Ceiling of the standard deviations, none by default.
        init_spread: Standard deviation of the components' means round the model's
            starting values; without it K components stay copies of one.
        entropy: How the entropy of the mixture is estimated,
            `guides.mixture_entropy.Bhattacharyya()` say.
        entropic_weight: γ, how much more than once the entropy of the nodes counts;
            other sites' counts once.
        nodes: Names of the sites that are nodes, for a model that does not say so
            itself.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: No component; a model without nodes; nodes with bounded support, or
            that are no vectors.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> model = zoo.BayesianNetwork(network, priors.NodePrior(dist.Normal(1.0, 0.3)), likelihoods.Gaussian(0.1))
        >>> guide = NodeMixture(model, num_components=4)
        >>> guide.num_parameters(), guide.bound
        (128, True)
        >>> NodeMixture(model, entropic_weight=1.0).bound
        False
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        num_components: int = 4,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        init_spread: float = 0.3,
        entropy: MixtureEntropy = MonteCarlo(),  # noqa: B008
        entropic_weight: float = 0.0,
        nodes: list[str] | None = None,
        example: tuple = (),
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        if num_components < 1:
            raise ValueError(
                f"a mixture has at least one component, not {num_components}"
            )
        if not entropic_weight >= 0:
            raise ValueError(
                f"entropic_weight adds to the entropy and is 0 or positive, not {entropic_weight}"
            )
        self.nodes = nodes or [
            name for name, site in self.sites.items() if site.is_node
        ]
        self.refuse_other_sites()
        self.num_components = num_components
        self.entropy = (
            Bhattacharyya() if num_components == 1 else entropy
        )  # which is exact for one component
        self.entropic_weight = entropic_weight
        self.bound = self.bound and self.entropy.bound and entropic_weight == 0
        loc = {name: self.loc[name].detach() for name in self.sites}
        rho = {name: self.rho[name].detach() for name in self.sites}
        for name in self.nodes:
            loc[name] = loc[name].expand(num_components, -1)  # (K, C)
            if num_components > 1:
                loc[name] = loc[name] + init_spread * torch.randn_like(loc[name])
            rho[name] = rho[name].expand(num_components, -1)
        self.loc, self.rho = ByName(loc), ByName(rho)

    def refuse_other_sites(self) -> None:
        """Say what stands in the way of a mixture of normals over the nodes."""
        if not self.nodes:
            raise ValueError(
                f"none of the sites {', '.join(self.sites)} is a node; use priors.NodePrior, or name the nodes "
                "by nodes=[...]"
            )
        bounded = [name for name in self.nodes if not self.sites[name].is_real]
        if bounded:
            raise ValueError(
                f"the nodes {', '.join(bounded)} have bounded support ({self.sites[bounded[0]].support}); "
                f"{type(self).__name__} needs real ones, dist.Normal(1.0, 0.3) say"
            )
        shapes = {name: tuple(self.sites[name].init.shape) for name in self.nodes}
        if any(len(shape) != 1 for shape in shapes.values()):
            raise ValueError(
                f"nodes are vectors, one number for each channel of a layer, and not of shapes {shapes}"
            )

    def joint(self) -> Joint:
        """Return the distribution of all nodes together."""
        loc = torch.cat(
            [self.loc[name] for name in self.nodes], -1
        )  # (K, C_1 + ... + C_L)
        scale = torch.cat([self.scale(name) for name in self.nodes], -1)
        return Joint(loc, scale, self.entropy, 1 + self.entropic_weight)

    def forward(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Sample the nodes jointly, then the other sites."""
        values = self.split(
            pyro.sample("nodes:joint", self.joint(), infer={"is_auxiliary": True})
        )
        component = Assignment(self.num_components, self.loc[self.nodes[0]].device)
        laws = {
            name: Node(values[name], self.loc[name], self.scale(name), component)
            if name in values
            else self.distribution(site)
            for name, site in self.sites.items()
        }
        return {
            name: self.sample(site, laws[name]) for name, site in self.sites.items()
        }

    def split(self, joint: Tensor) -> dict[str, Tensor]:
        """Return the nodes of each layer."""
        return dict(
            zip(
                self.nodes,
                joint.split([self.loc[name].shape[-1] for name in self.nodes], -1),
                strict=True,
            )
        )

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return q of one site; of nodes their marginal, which knows nothing of the other layers' components."""
        if site.name not in self.nodes:
            return super().distribution(site)
        components = dist.Normal(self.loc[site.name], self.scale(site.name)).to_event(1)
        return dist.MixtureSameFamily(
            dist.Categorical(logits=components.mean.new_zeros(self.num_components)),
            components,
        )

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S), however entropy is estimated."""
        joint = self.joint()
        density = log_density(
            joint.loc, joint.scale, torch.cat([values[name] for name in self.nodes], -1)
        )
        return density + sum(
            self.site_log_prob(name, values[name])
            for name in self.sites
            if name not in self.nodes
        )
