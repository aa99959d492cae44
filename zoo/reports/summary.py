"""The summary of a model: weights and nodes counted layer by layer, and what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from zoo.priors.node import channels, has_nodes
from zoo.priors.plan import Plan
from zoo.priors.treatment import words
from zoo.reports.table import Table


@dataclass(frozen=True)
class Summary:
    """Counts of a network under a prior.

    Arguments:
        table: A row per layer.
        weights: Number of weights and biases.
        nodes: Number of input nodes of linear and convolution layers, whether or not
            they are random.
        random: Number of random numbers: the latent dimension of the prior.
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

    def _repr_html_(self) -> str:
        return f"{self.table._repr_html_()}<p>{self._total()}</p>"

    __repr__ = __str__

    def _total(self) -> str:
        return (
            f"{self.weights:,} weights and {self.nodes:,} input nodes: {self.random:,} random, "
            f"{self.points:,} point estimates, {self.frozen:,} frozen"
        )


def summarise(network: nn.Module, plan: Plan) -> Summary:
    """Count a network layer by layer under a bound prior."""
    parameters = dict(network.named_parameters())
    rows = []
    for name, layer in network.named_modules():
        prefix = f"{name}." if name else ""
        own = {
            prefix + key: value for key, value in layer.named_parameters(recurse=False)
        }
        own = {key: value for key, value in own.items() if key in parameters}
        if not own:
            continue
        sites = {key: node for key, node in plan.nodes.items() if node.weight in own}
        treatments = {words(plan.weights[key]): None for key in own}
        nodes = [f"{node.side}: {words(node.prior)}" for node in sites.values()]
        rows.append(
            (
                name or "(network)",
                type(layer).__name__,
                sum(value.numel() for value in own.values()),
                channels(layer, "in") if has_nodes(layer) else 0,
                "; ".join(treatments),
                "; ".join(nodes) or "-",
            )
        )
    table = Table(
        ("layer", "type", "weights", "nodes", "prior of weights", "prior of nodes"),
        rows,
    )
    return Summary(
        table,
        weights=sum(row[2] for row in rows),
        nodes=sum(row[3] for row in rows),
        random=sum(prior.shape().numel() for prior, _ in plan.priors(network).values()),
        points=sum(parameters[name].numel() for name in plan.points),
        frozen=sum(parameters[name].numel() for name in plan.frozen),
    )
