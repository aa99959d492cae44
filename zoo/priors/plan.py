"""A prior bound to one network: what becomes of each of its tensors, and how the random ones reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.runtime import am_i_wrapped
from torch import Tensor, nn

from zoo.priors.conditional import Conditional, middle
from zoo.priors.treatment import Frozen, Point, Treatment
from zoo.runtime.distributions import placed, unvalidated


@dataclass(frozen=True)
class Nodes:
    """One node variable per channel of a layer: z multiplies its input, or its output before the bias.

    Arguments:
        weight: Name of the weight that z multiplies.
        side: "in" or "out".
        groups: Groups of the layer, 1 for a linear one.
        size: Number of channels.
        prior: Distribution of one node, or a prior of random scale.
    """

    weight: str
    side: str
    groups: int
    size: int
    prior: TorchDistributionMixin | Conditional

    def times(self, weight: Tensor, z: Tensor) -> Tensor:
        """Multiply the weight (O, I / groups, ...) by its nodes (I,) or (O,)."""
        ones = [1] * (weight.dim() - 2)
        if self.side == "out":
            return weight * z.reshape(-1, 1, *ones)
        if self.groups == 1:
            return weight * z.reshape(1, -1, *ones)
        grouped = weight.reshape(
            self.groups, -1, *weight.shape[1:]
        )  # (G, O / G, I / G, ...)
        return (grouped * z.reshape(self.groups, 1, -1, *ones)).reshape(weight.shape)


@dataclass(frozen=True)
class Plan:
    """Parameter names with their treatments, and node sites; made by `prior.bind(network)`."""

    weights: Mapping[str, Treatment]
    nodes: Mapping[str, Nodes] = field(default_factory=dict)

    @property
    def points(self) -> list[str]:
        """Names of the parameters that are point-estimated."""
        return [
            name
            for name, treatment in self.weights.items()
            if isinstance(treatment, Point)
        ]

    @property
    def frozen(self) -> list[str]:
        """Names of the parameters that keep the network's value."""
        return [
            name
            for name, treatment in self.weights.items()
            if isinstance(treatment, Frozen)
        ]

    def priors(
        self, network: nn.Module
    ) -> dict[str, tuple[TorchDistributionMixin, dict]]:
        """Return each latent site's distribution and its `infer` dictionary, which says where to start.

        A site whose scale is a site itself has here the distribution that it has where
        that one starts.
        """
        sites: dict[str, tuple[TorchDistributionMixin, dict]] = {}

        def start(name: str, prior: TorchDistributionMixin, infer: dict) -> Tensor:
            sites[name] = prior, infer
            return infer["init"]

        self.run(network, start)
        return sites

    def inits(self, network: nn.Module) -> dict[str, Tensor]:
        """Return where every random site begins: at the network's own values."""
        return {
            name: infer["init"] for name, (_, infer) in self.priors(network).items()
        }

    def sample(self, network: nn.Module) -> dict[str, Tensor]:
        """Draw every latent site: the Pyro statements of the prior."""
        return self.run(
            network, lambda name, prior, infer: pyro.sample(name, prior, infer=infer)
        )

    def run(
        self,
        network: nn.Module,
        state: Callable[[str, TorchDistributionMixin, dict], Tensor],
    ) -> dict[str, Tensor]:
        """State every latent site, each after those that its distribution depends on, and return their values."""
        values = {}
        for name, treatment, infer in self.random(network):
            like = infer["init"]
            if isinstance(treatment, Conditional):
                given = {}
                for key, (law, shape) in treatment.hyperpriors(like).items():
                    site, centre = f"prior:{name}.{key}", middle(law, like, shape)
                    given[key] = values[site] = state(
                        site, placed(law, centre, site), {"init": centre}
                    )
                prior = treatment.given(given, like)
            else:
                prior = placed(treatment, like, name)
            values[name] = state(name, prior, infer)
        return values

    def random(
        self, network: nn.Module
    ) -> Iterator[tuple[str, TorchDistributionMixin | Conditional, dict]]:
        """Go through the tensors and nodes that are random: name, treatment and `infer` dictionary of each."""
        parameters = dict(network.named_parameters())
        for name, treatment in self.weights.items():
            if isinstance(treatment, (TorchDistributionMixin, Conditional)):
                yield name, treatment, {"init": parameters[name].detach()}
        for name, node in self.nodes.items():
            ones = torch.ones_like(
                parameters[node.weight].detach()[:1].flatten()[:1]
            ).expand(node.size)
            yield name, node.prior, {"init": ones, "node": node.side}

    def estimate(self, network: nn.Module) -> dict[str, Tensor]:
        """State every point estimate, with its MAP prior as a factor of the log joint."""
        parameters = dict(network.named_parameters())
        points = {}
        for name in self.points:
            points[name] = pyro.param(
                name, lambda name=name: parameters[name].detach().clone()
            )
            prior = self.weights[name].prior
            if prior is not None and am_i_wrapped():
                log_prob = unvalidated(placed(prior, parameters[name], name)).log_prob(
                    points[name]
                )
                pyro.factor(f"{name}:prior", log_prob)
        return points

    def tensors(
        self, network: nn.Module, values: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Turn values of sites, points and buffers into tensors by the names of the network's `state_dict`."""
        own = dict(network.named_parameters(remove_duplicate=False))
        tensors = {name: values.get(name, own[name].detach()) for name in self.weights}
        for name, buffer in network.named_buffers():
            tensors[name] = values[name] if name in values else buffer.clone()
        for name, node in self.nodes.items():
            weight = tensors.get(node.weight, own[node.weight].detach())
            tensors[node.weight] = node.times(weight, values[name])
        return tensors
