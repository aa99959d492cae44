"""The node variables of one layer: their site, and how they multiply its weight."""

from __future__ import annotations

from dataclasses import dataclass

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.priors.conditional import Conditional
from zoo.priors.treatment import Side


@dataclass(frozen=True)
class Nodes:
    """One node variable for each channel of the input or output of a layer.

    Arguments:
        weight: Name of the weight that z multiplies.
        side: "in" or "out".
        groups: Groups of the layer, 1 for a linear one.
        size: Number of channels.
        prior: Distribution of one node, or a prior of random scale.
    """

    weight: str
    side: Side
    groups: int
    size: int
    prior: TorchDistributionMixin | Conditional

    def times(self, weight: Tensor, z: Tensor) -> Tensor:
        """Multiply the weight (O, I / groups, ...) by its nodes (I,) or (O,)."""
        ones = [1] * (weight.dim() - 2)
        if self.side == "out":
            column = z.reshape(-1, 1, *ones)
            return weight * column
        if self.groups == 1:
            row = z.reshape(1, -1, *ones)
            return weight * row

        grouped = weight.reshape(self.groups, -1, *weight.shape[1:])
        rows = z.reshape(self.groups, 1, -1, *ones)  # (G, 1, I / G, 1, ...)
        product = grouped * rows  # (G, O / G, I / G, ...)

        return product.reshape(weight.shape)


def node_site(layer: str, side: Side) -> str:
    """Return the name of the site of the nodes of a layer."""
    return f"{layer}.nodes_{side}" if layer else f"nodes_{side}"
