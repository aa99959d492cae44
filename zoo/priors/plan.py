"""A prior bound to one network: the treatment of each tensor, and the statements of Pyro."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pyro
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer.reparam import LocScaleReparam
from pyro.infer.reparam.reparam import Reparam
from pyro.poutine.runtime import InferDict
from torch import Tensor, nn

from zoo.priors.channel_nodes import Nodes
from zoo.priors.conditional import Conditional
from zoo.priors.padding import paddings, prior_of
from zoo.priors.points import state_points
from zoo.priors.statements import (
    LatentSite,
    SiteInfer,
    Statement,
    hyperparameter_site,
    learned_hyperparameters,
    visit_hyperpriors,
    visit_reparameterised,
)
from zoo.priors.treatment import Frozen, Point, Treatment
from zoo.runtime.network_call import Factor, call, places


@dataclass(frozen=True)
class Plan:
    """The treatment of each parameter, and the node sites; `prior.bind(network)` makes it.

    Arguments:
        weights: Treatments by parameter name.
        nodes: Nodes by site name.
        reparams: Reparameterisations by the name of a tensor or of nodes.
    """

    weights: Mapping[str, Treatment]
    nodes: Mapping[str, Nodes] = field(default_factory=dict)
    reparams: Mapping[str, Reparam] = field(default_factory=dict)

    @property
    def points(self) -> list[str]:
        """Names of the parameters that are point estimates."""
        return [name for name, each in self.weights.items() if isinstance(each, Point)]

    @property
    def frozen(self) -> list[str]:
        """Names of the parameters that keep the network's value."""
        return [name for name, each in self.weights.items() if isinstance(each, Frozen)]

    def learned(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the initial values of the hyperparameters that a fit optimises, by name."""
        tensors = dict(network.named_parameters())
        return learned_hyperparameters(self.weights, tensors)

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

    def sample(self, network: nn.Module, is_fit: bool = False) -> dict[str, Tensor]:
        """Draw each latent site by `pyro.sample`.

        Arguments:
            network: The network.
            is_fit: Whether learned hyperparameters are stated by `pyro.param`, which changes
                the parameter store. Otherwise they have their initial values.
        """
        learned = self.learned(network)
        if is_fit:
            for name, init in learned.items():
                learned[name] = pyro.param(name, init)

        return self._visit(network, _draw, learned)

    def originals(self, network: nn.Module) -> list[str]:
        """Return the names of the random tensors and nodes, whether reparameterised or not."""
        return [name for name, _, _ in self._random(network)]

    def reparameterised(self) -> set[str]:
        """Return the names of the tensors and nodes that have auxiliary sites."""
        treatments = dict(self.weights)
        for name, nodes in self.nodes.items():
            treatments[name] = nodes.prior

        return {name for name, each in treatments.items() if self._reparam(name, each)}

    def complete(
        self, network: nn.Module, values: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Add the values of reparameterised tensors to those of their auxiliary sites.

        Arguments:
            network: The network.
            values: Values (*S, *shape) by site; if some are missing, none are added.
        """
        completed = dict(values)
        if self.reparameterised() <= values.keys():
            return completed

        def given(name: str, prior: TorchDistributionMixin, infer: SiteInfer) -> Tensor:
            return values[name]

        with contextlib.suppress(KeyError), pyro.validation_enabled(False):
            completed = {**self._visit(network, given), **values}

        return completed

    def estimate(self, network: nn.Module) -> dict[str, Tensor]:
        """State each point estimate by `pyro.param`, and its MAP prior by `pyro.factor`."""
        return state_points(self.weights, network)

    def tensors(
        self, network: nn.Module, values: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the tensors that replace those of the network, by place.

        A place is a name of `state_dict`; a tied tensor has several, and the nodes of each
        layer multiply it in the place of that layer alone.

        Arguments:
            network: The network.
            values: Values of latent sites, point estimates and buffers.
        """
        values = self.complete(network, values)
        own: dict[str, Tensor] = dict(network.named_parameters())
        for name, buffer in network.named_buffers():
            own[name] = buffer.clone()

        tensors = {}
        for place, name in places(network).items():
            tensors[place] = values[name] if name in values else own[name].detach()

        for site, nodes in self.nodes.items():
            if nodes.weight in tensors:
                weight = tensors[nodes.weight]
                tensors[nodes.weight] = nodes.times(weight, values[site])

        return tensors

    def call(
        self,
        network: nn.Module,
        values: Mapping[str, Tensor],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Call the network with given values in the place of its own tensors.

        Arguments:
            network: The network.
            values: Values of latent sites, point estimates and buffers.
            arguments: Arguments of the network.
            keywords: Keyword arguments of the network.
        """
        tensors = self.tensors(network, values)

        factors: dict[str, list[Factor]] = {}
        for site, nodes in self.nodes.items():
            is_computed = nodes.weight not in tensors
            if is_computed:
                factor = partial(nodes.times, z=values[site])
                factors.setdefault(nodes.weight, []).append(factor)

        return call(network, tensors, arguments, keywords, factors)

    def with_padding(
        self, network: nn.Module, values: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return values (*S, *shape) by name; the rows of padding are those of the network."""
        found = dict(values)
        for name, padding in paddings(network).items():
            if name in values:
                found[name] = padding.restored(values[name])

        return found

    def _visit(
        self,
        network: nn.Module,
        statement: Statement,
        learned: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Call a statement for each latent site, after those that its distribution depends on.

        Arguments:
            network: The network.
            statement: The statement.
            learned: Values of learned hyperparameters; by default the initial ones.
        """
        learned = self.learned(network) if learned is None else learned
        values: dict[str, Tensor] = {}
        padded = paddings(network)
        for name, treatment, infer in self._random(network):
            init = infer["init"]
            if isinstance(treatment, Conditional):
                like = padded[name].free if name in padded else init
                given = visit_hyperpriors(name, treatment, like, statement)
                for key, value in given.items():
                    values[hyperparameter_site(name, key)] = value
                for key in treatment.parameters(like):
                    given[key] = learned[hyperparameter_site(name, key)]
                prior = treatment.given(given, like)
                if name in padded:
                    prior = padded[name].around(prior)
            else:
                prior = prior_of(treatment, init, name, padded)

            reparam = self._reparam(name, treatment)
            if reparam is None:
                values[name] = statement(name, prior, infer)
                continue

            is_conditional = isinstance(treatment, Conditional)
            first = treatment.initial(init) if is_conditional else prior
            values |= visit_reparameterised(
                name, reparam, prior, first, init, statement
            )

        return values

    def _reparam(self, name: str, treatment: Treatment) -> Reparam | None:
        """Return the reparameterisation of a tensor, None if it has none."""
        if name in self.reparams:
            return self.reparams[name]

        if isinstance(treatment, Conditional) and not treatment.centred:
            return LocScaleReparam(0.0, shape_params=())

        return None

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
            layer = network.get_submodule(nodes.weight.rpartition(".")[0])
            like = next(layer.parameters())
            ones = like.new_ones(1).expand(nodes.size)

            yield name, nodes.prior, {"init": ones, "node": nodes.side}


def _draw(name: str, prior: TorchDistributionMixin, infer: SiteInfer) -> Tensor:
    return pyro.sample(name, prior, infer=cast("InferDict", infer))
