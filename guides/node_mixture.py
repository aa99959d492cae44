"""Mixture of Gaussians over the nodes of a network, with noise per example in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.runtime import InferDict
from torch import Tensor

from guides._base.node_sites import node_sites
from guides._base.parameters import ByName
from guides._base.program import PyroModel
from guides._base.site import Site
from guides._lazy.node_mixture_distribution import (
    Assignment,
    NodeMixtureDistribution,
    NodeMixturePart,
)
from guides.mean_field import MeanField
from guides.mixture_entropy import (
    Bhattacharyya,
    MixtureEntropy,
    MonteCarlo,
    log_density,
)


class NodeMixture(MeanField):
    r"""A mixture of K Gaussians over all nodes together; other sites are mean-field normal.

    .. math:: q(z_1, \dots, z_L)
        = \frac{1}{K} \sum_{k=1}^{K} \prod_l N(z_l \mid \mu_{k,l}, \sigma_{k,l}^2)

    All layers of a draw share one component, so a component is a whole network. In
    training each example of a batch has nodes of its own, from the component of its
    slice: example i of B takes component (⌊iK/B⌋ + u) mod K, with a new random u in every
    step. This is unbiased for any B; B should be well above K.

    Of the divergence, the expected log prior is in closed form for normal priors. The
    entropy of the mixture is not, and `entropy` is the estimate of it. The negative loss
    is a lower bound on the log evidence (`bound`) with the default, an unbiased estimate,
    and with the lower bounds `guides.mixture_entropy.Bhattacharyya()` and
    `ComponentMean()`. It is no bound with the upper bounds `KolchinskyTracey()` and
    `MomentMatched()`, nor with an entropic weight γ > 0:

    .. math:: L_\gamma = ELBO + \gamma \, H[q], \qquad
        K = 1: \; \max L_\gamma \Leftrightarrow q \approx p(z \mid D)^{\tau}, \;
        \tau = 1 / (1 + \gamma)

    With K = 1 the entropy is exact, and the divergence analytic under a normal prior.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation
        (Trinh, Kaski, Heinonen, 2020)
        Tackling covariate shift with node-based Bayesian neural networks
        (Trinh, Heinonen, Acerbi, Kaski, 2022)
        Estimating Mixture Entropy with Pairwise Distances (Kolchinsky, Tracey, 2017)

    Arguments:
        model: A Pyro model with node sites, e.g. under a `NodePrior`.
        num_components: Number of components K.
        init_scale: Initial standard deviation within a component.
        max_scale: Ceiling of the standard deviations, none by default.
        init_spread: Standard deviation of the components' means around the model's
            initial values. With 0 the K components stay equal.
        entropy: The estimate of the mixture's entropy, e.g.
            `guides.mixture_entropy.Bhattacharyya()`.
        entropic_weight: γ, the additional weight of the entropy of the nodes. The entropy
            of other sites has weight 1.
        nodes: Names of the sites that are nodes, for a model that does not mark them.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: No component; a model without nodes; nodes with bounded support, or
            that are not vectors.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> prior = priors.NodePrior(dist.Normal(1.0, 0.3))
        >>> model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))
        >>> guide = NodeMixture(model, num_components=4)
        >>> guide.num_parameters(), guide.bound
        (128, True)
        >>> NodeMixture(model, entropic_weight=1.0).bound
        False
    """

    def __init__(
        self,
        model: PyroModel,
        *,
        num_components: int = 4,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        init_spread: float = 0.3,
        entropy: MixtureEntropy = MonteCarlo(),  # noqa: B008
        entropic_weight: float = 0.0,
        nodes: list[str] | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        if num_components < 1:
            raise ValueError(f"num_components must be at least 1, not {num_components}")

        if not entropic_weight >= 0:
            raise ValueError(
                f"entropic_weight must be 0 or positive, not {entropic_weight}"
            )

        self.nodes = node_sites(self.sites, nodes, family=type(self).__name__)
        self.num_components = num_components
        # The Bhattacharyya bound is exact for one component.
        self.entropy = Bhattacharyya() if num_components == 1 else entropy
        self.entropic_weight = entropic_weight
        self.bound = self.bound and self.entropy.bound and entropic_weight == 0
        self._expand_nodes(init_spread)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Draw the nodes jointly at an auxiliary site, then all sites."""
        parts = self._draw_nodes()

        values = {}
        for name, site in self.sites.items():
            part = parts[name] if name in parts else self.distribution(site)
            values[name] = self.sample(site, part)

        return values

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return q of one site; for nodes their marginal, which is independent of other layers."""
        if site.name not in self.nodes:
            return super().distribution(site)

        normals = dist.Normal(self.loc[site.name], self.scale(site.name))
        logits = normals.mean.new_zeros(self.num_components)
        choice = dist.Categorical(logits=logits)

        return dist.MixtureSameFamily(choice, normals.to_event(1))

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S).

        It does not depend on the estimate of the entropy.
        """
        joint = self._joint()
        nodes = torch.cat([values[name] for name in self.nodes], -1)
        density = log_density(joint.loc, joint.scale, nodes)

        others = []
        for name in self.sites:
            if name not in self.nodes:
                others.append(self.site_log_prob(name, values[name]))

        return density + sum(others)

    def _draw_nodes(self) -> dict[str, NodeMixturePart]:
        """Draw all nodes at an auxiliary site, and return the part of each layer."""
        infer: InferDict = {"is_auxiliary": True}
        joint = pyro.sample("nodes:joint", self._joint(), infer=infer)  # (*S, C)

        sizes = [self.loc[name].shape[-1] for name in self.nodes]
        pieces = joint.split(sizes, -1)

        component = Assignment(self.num_components, joint.device)
        parts = {}
        for name, piece in zip(self.nodes, pieces, strict=True):
            loc = self.loc[name]
            scale = self.scale(name)
            parts[name] = NodeMixturePart(piece, loc, scale, component)

        return parts

    def _joint(self) -> NodeMixtureDistribution:
        """Return the distribution of all nodes together."""
        locs = [self.loc[name] for name in self.nodes]  # (K, C_1), ..., (K, C_L)
        scales = [self.scale(name) for name in self.nodes]
        loc = torch.cat(locs, -1)
        scale = torch.cat(scales, -1)

        return NodeMixtureDistribution(
            loc, scale, self.entropy, weight=1 + self.entropic_weight
        )

    def _expand_nodes(self, init_spread: float) -> None:
        """Give the nodes a mean and a scale for each component, (K, C)."""
        loc = {}
        rho = {}
        for name in self.sites:
            loc[name] = self.loc[name].detach()
            rho[name] = self.rho[name].detach()

        for name in self.nodes:
            rho[name] = rho[name].expand(self.num_components, -1)
            means = loc[name].expand(self.num_components, -1)

            if self.num_components > 1:
                noise = torch.randn_like(means)
                means = means + init_spread * noise

            loc[name] = means

        self.loc = ByName(loc)
        self.rho = ByName(rho)
