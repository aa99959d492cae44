"""The summary of a model: its weights and nodes, counted layer by layer, with their priors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from torch import nn

from zoo.priors.node import channels, has_nodes
from zoo.priors.plan import Plan
from zoo.priors.treatment import words
from zoo.reports.table import Table
from zoo.runtime.fixed_rows import num_random
from zoo.runtime.network_call import places


@dataclass(frozen=True)
class Summary:
    """The number of weights and nodes of a network under a prior.

    Arguments:
        table: A row per layer.
        weights: Number of weights and biases.
        nodes: Number of input nodes of linear and convolution layers, random or not.
        random: Number of random variables: the latent dimension of the prior.
        points: Number of weights that are point estimates.
        frozen: Number of weights that are frozen.
    """

    table: Table
    weights: int
    nodes: int
    random: int
    points: int
    frozen: int

    def __str__(self) -> str:
        return f"{self.table}\n{self._total()}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table = self.table._repr_html_()
        return f"{table}<p>{escape(self._total())}</p>"

    def _total(self) -> str:
        """Return the counts of the whole network as a sentence."""
        return (
            f"{self.weights:,} weights and {self.nodes:,} input nodes: {self.random:,} random, "
            f"{self.points:,} point estimates, {self.frozen:,} frozen"
        )


_COLUMNS = ("layer", "type", "weights", "nodes", "prior of weights", "prior of nodes")


class _LayerRow(NamedTuple):
    """A layer with its counts and priors."""

    layer: str
    type: str
    weights: int
    nodes: int
    prior_of_weights: str
    prior_of_nodes: str


def summarise(network: nn.Module, plan: Plan) -> Summary:
    """Count the weights and nodes of a network layer by layer.

    Arguments:
        network: The network.
        plan: The prior bound to it.
    """
    sizes = {name: value.numel() for name, value in network.named_parameters()}
    rows = _layer_rows(network, plan, sizes)

    num_weights = 0
    num_nodes = 0
    for row in rows:
        num_weights += row.weights
        num_nodes += row.nodes

    total = 0
    padding = 0
    for prior, _ in plan.priors(network).values():
        total += num_random(prior)
        padding += prior.shape().numel() - num_random(prior)

    return Summary(
        Table(_COLUMNS, rows),
        weights=num_weights,
        nodes=num_nodes,
        random=total,
        points=_total(sizes, plan.points),
        frozen=_total(sizes, plan.frozen) + padding,
    )


def _layer_rows(
    network: nn.Module, plan: Plan, sizes: Mapping[str, int]
) -> list[_LayerRow]:
    """Return a row for each layer that has weights, tied ones of another layer included."""
    first = places(network)
    rows = []
    for layer_name, layer in network.named_modules():
        own = layer.named_parameters(prefix=layer_name, recurse=False)
        names = [name for name, _ in own]
        if not names:
            continue

        counted = [name for name in names if name in sizes]
        row = _LayerRow(
            layer=layer_name or "(network)",
            type=type(layer).__name__,
            weights=_total(sizes, counted),
            nodes=channels(layer, "in") if has_nodes(layer) else 0,
            prior_of_weights=_priors_of_weights(plan, names, first),
            prior_of_nodes=_priors_of_nodes(plan, layer_name),
        )

        rows.append(row)

    return rows


def _total(sizes: Mapping[str, int], names: list[str]) -> int:
    """Return the number of elements of the named parameters."""
    return sum(sizes[name] for name in names)


def _priors_of_weights(plan: Plan, names: list[str], first: Mapping[str, str]) -> str:
    """Write the different priors of the parameters of a layer.

    Arguments:
        plan: The treatments.
        names: Names of the parameters.
        first: The first name of every parameter, which differs for a tied one.
    """
    priors: list[str] = []
    for name in names:
        is_tied = first[name] != name
        prior = f"that of {first[name]}" if is_tied else words(plan.weights[name])
        if prior not in priors:
            priors.append(prior)

    return "; ".join(priors)


def _priors_of_nodes(plan: Plan, layer: str) -> str:
    """Write the priors of the nodes of a layer."""
    priors = []
    for node in plan.nodes.values():
        if node.weight.rpartition(".")[0] == layer:
            priors.append(f"{node.side}: {words(node.prior)}")

    return "; ".join(priors) or "-"
