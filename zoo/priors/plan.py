"""A prior bound to one network: the treatment of each tensor, and the statements of Pyro."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Required, TypeAlias, TypedDict, cast

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.runtime import InferDict, am_i_wrapped
from torch import Tensor, nn

from zoo.priors.channel_nodes import Nodes
from zoo.priors.conditional import Conditional, initial_value
from zoo.priors.treatment import Frozen, Point, Side, Treatment
from zoo.runtime.distributions import placed, unvalidated


class SiteInfer(TypedDict, total=False):
    """The `infer` dictionary of a latent site.

    Attributes:
        init: Initial value for guides and samplers.
        node: Side of the layer, if the site is a node.
    """

    init: Required[Tensor]
    node: Side


class LatentSite(NamedTuple):
    """The distribution of a latent site, and its `infer` dictionary."""

    prior: TorchDistributionMixin
    infer: SiteInfer


Statement: TypeAlias = Callable[[str, TorchDistributionMixin, SiteInfer], Tensor]
"""Gives the value of a latent site of that name, distribution and `infer` dictionary."""


@dataclass(frozen=True)
class Plan:
    """The treatment of each parameter, and the node sites; `prior.bind(network)` makes it.

    Arguments:
        weights: Treatments by parameter name.
        nodes: Nodes by site name.
    """

    weights: Mapping[str, Treatment]
    nodes: Mapping[str, Nodes] = field(default_factory=dict)

    @property
    def points(self) -> list[str]:
        """Names of the parameters that are point estimates."""
        return [name for name, each in self.weights.items() if isinstance(each, Point)]

    @property
    def frozen(self) -> list[str]:
        """Names of the parameters that keep the network's value."""
        return [name for name, each in self.weights.items() if isinstance(each, Frozen)]

    def priors(self, network: nn.Module) -> dict[str, LatentSite]:
        """Return each latent site's distribution and `infer` dictionary, by name.

        If the scale of a site is a site itself, the distribution has the initial value
        of that scale.
        """
        sites: dict[str, LatentSite] = {}

        def record(
            name: str, prior: TorchDistributionMixin, infer: SiteInfer
        ) -> Tensor:
            sites[name] = LatentSite(prior, infer)
            return infer["init"]

        self._visit(network, record)

        return sites

    def inits(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the initial value of each latent site: for weights, the network's own value."""
        sites = self.priors(network)
        return {name: site.infer["init"] for name, site in sites.items()}

    def sample(self, network: nn.Module) -> dict[str, Tensor]:
        """Draw each latent site by `pyro.sample`."""
        return self._visit(network, _draw)

    def estimate(self, network: nn.Module) -> dict[str, Tensor]:
        """State each point estimate by `pyro.param`, and its MAP prior by `pyro.factor`."""
        parameters = dict(network.named_parameters())
        points = {}
        for name, treatment in self.weights.items():
            if not isinstance(treatment, Point):
                continue

            parameter = parameters[name]
            point = pyro.param(name, partial(_copy, parameter))
            points[name] = point

            if treatment.prior is not None and am_i_wrapped():
                prior = unvalidated(placed(treatment.prior, parameter, name))
                pyro.factor(f"{name}:prior", prior.log_prob(point))

        return points

    def tensors(
        self, network: nn.Module, values: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the tensors that replace those of the network, by the names of its `state_dict`.

        Arguments:
            network: The network.
            values: Values of latent sites, point estimates and buffers.
        """
        own = dict(network.named_parameters(remove_duplicate=False))

        tensors = {}
        for name in self.weights:
            tensors[name] = values[name] if name in values else own[name].detach()

        for name, buffer in network.named_buffers():
            tensors[name] = values[name] if name in values else buffer.clone()

        for site, nodes in self.nodes.items():
            name = nodes.weight
            weight = tensors[name] if name in tensors else own[name].detach()
            tensors[name] = nodes.times(weight, values[site])

        return tensors

    def _visit(self, network: nn.Module, statement: Statement) -> dict[str, Tensor]:
        """Call a statement for each latent site, after those that its distribution depends on."""
        values: dict[str, Tensor] = {}
        for name, treatment, infer in self._random(network):
            init = infer["init"]
            if isinstance(treatment, Conditional):
                given = _visit_hyperpriors(name, treatment, init, statement)
                for key, value in given.items():
                    values[_hyperparameter_site(name, key)] = value
                prior = treatment.given(given, init)
            else:
                prior = placed(treatment, init, name)

            values[name] = statement(name, prior, infer)
        return values

    def _random(
        self, network: nn.Module
    ) -> Iterator[tuple[str, TorchDistributionMixin | Conditional, SiteInfer]]:
        """Yield name, treatment and `infer` dictionary of each random tensor, nodes last."""
        parameters = dict(network.named_parameters())

        for name, treatment in self.weights.items():
            if isinstance(treatment, (TorchDistributionMixin, Conditional)):
                init = parameters[name].detach()
                yield name, treatment, {"init": init}

        for name, nodes in self.nodes.items():
            weight = parameters[nodes.weight].detach()
            one = weight[:1].flatten()[:1]
            ones = torch.ones_like(one).expand(nodes.size)

            yield name, nodes.prior, {"init": ones, "node": nodes.side}


def _visit_hyperpriors(
    name: str, treatment: Conditional, like: Tensor, statement: Statement
) -> dict[str, Tensor]:
    """Call a statement for each hyperparameter of a tensor, and return the values by key."""
    values: dict[str, Tensor] = {}
    for key, (distribution, shape) in treatment.hyperpriors(like).items():
        site = _hyperparameter_site(name, key)
        init = initial_value(distribution, like, shape)
        prior = placed(distribution, init, site)

        values[key] = statement(site, prior, {"init": init})

    return values


def _hyperparameter_site(name: str, key: str) -> str:
    return f"prior:{name}.{key}"


def _draw(name: str, prior: TorchDistributionMixin, infer: SiteInfer) -> Tensor:
    return pyro.sample(name, prior, infer=cast("InferDict", infer))


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()
