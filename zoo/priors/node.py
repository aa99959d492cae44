"""Node priors: a site for each layer, which multiplies the channels of its input or output."""

from __future__ import annotations

from typing import Literal, TypeGuard

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from zoo.priors.channel_nodes import Nodes, node_site
from zoo.priors.plan import Plan
from zoo.priors.requires_grad import treat_parameters
from zoo.priors.treatment import (
    BySide,
    Frozen,
    Point,
    Rule,
    Side,
    check_rule,
    treat,
    words,
)
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.network_call import recomputed

_SIDES: dict[str, tuple[Side, ...]] = {
    "in": ("in",),
    "out": ("out",),
    "both": ("in", "out"),
}


class NodePrior:
    r"""A prior over nodes: random factors of the input or output channels of each layer.

    .. math:: f_l = \sigma(W_l \, (f_{l-1} \circ z_l) + b_l), \qquad z_l \sim p(z)

    The output is multiplied before the bias is added. The weights are what `weights`
    says: point estimates, frozen, or random themselves. Weights with
    `requires_grad=False` are frozen, and their layers have nodes all the same. Linear and
    convolution layers have nodes, grouped convolutions included; transposed convolutions
    and recurrent layers have none.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski,
        Heinonen, 2020)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi,
        Kaski, 2022)

    Arguments:
        rule: Prior of a node: a distribution, a callable `(layer name, weight) ->
            distribution`, or a selection by layer name or type. `Frozen()` gives a layer
            no nodes. Scales are standard deviations.
        where: "in", "out" or "both".
        weights: Rule of the weights, as in `WeightPrior`: `Point()`, `Point(prior)`,
            `Frozen()`, or a distribution, which makes both nodes and weights random.

    Raises:
        TypeError: A rule that is none.
        ValueError: Another place of nodes.

    Example:
        >>> plan = NodePrior(dist.Normal(1.0, 0.3)).bind(networks.MLP(6, 1, hidden=[10]))
        >>> {name: node.size for name, node in plan.nodes.items()}
        {'layer1.nodes_in': 6, 'layer2.nodes_in': 10}
    """

    def __init__(
        self,
        rule: Rule,
        where: Literal["in", "out", "both"] = "in",
        weights: Rule = Point(),  # noqa: B008
    ) -> None:
        if where not in _SIDES:
            raise ValueError(f"where must be 'in', 'out' or 'both', not {where!r}")

        check_rule(rule, "priors.NodePrior(dist.Normal(1.0, 0.3))")
        check_rule(weights, "weights=dist.Normal(0.0, 1.0)")
        self.rule = rule
        self.where = where
        self.weights = weights

    def bind(self, network: nn.Module) -> Plan:
        """Give each linear and convolution layer its nodes, and the weights their treatment.

        Raises:
            ValueError: The network has no such layer.
        """
        layers = _layers_with_nodes(network)
        if not layers:
            raise ValueError(
                f"{type(network).__name__} has no linear or convolution layer, so it has no "
                "nodes; use a WeightPrior"
            )

        weights = {name: _weight_of(layer) for name, layer in layers.items()}
        treatments = treat(self.rule, network, weights)

        nodes = {}
        for name, layer in layers.items():
            for side in _SIDES[self.where]:
                prior = treatments[name]
                if isinstance(prior, BySide):
                    prior = prior.sides[side]
                if isinstance(prior, (Point, Frozen, BySide)):
                    continue

                _refuse_recomputed(name, layer)
                site = node_site(name, side)
                nodes[site] = Nodes(
                    weight=f"{name}.weight" if name else "weight",
                    side=side,
                    groups=getattr(layer, "groups", 1),
                    size=channels(layer, side),
                    prior=prior,
                )

        return Plan(treat_parameters(self.weights, network), nodes)

    def __repr__(self) -> str:
        rule = words(self.rule)
        weights = words(self.weights)
        return f"NodePrior({rule}, where={self.where!r}, weights={weights})"


def _layers_with_nodes(network: nn.Module) -> dict[str, nn.Linear | _ConvNd]:
    layers = {}
    for name, layer in network.named_modules():
        if has_nodes(layer):
            layers[name] = layer
    return layers


def _weight_of(layer: nn.Linear | _ConvNd) -> Tensor:
    """Return the weight of a layer; to compute it in evaluation mode changes no buffer."""
    with evaluation_mode(layer):
        return layer.weight


def _refuse_recomputed(name: str, layer: nn.Module) -> None:
    """Refuse a layer whose weight is no parameter, but is computed by a hook."""
    if "weight" not in recomputed(layer):
        return

    raise ValueError(
        f"nodes cannot multiply the weight of {name!r}, which a hook of nn.utils computes anew in "
        "each call; use weight_norm and spectral_norm of torch.nn.utils.parametrizations"
    )


def has_nodes(layer: nn.Module) -> TypeGuard[nn.Linear | _ConvNd]:
    """Return whether a layer is linear or a convolution."""
    if isinstance(layer, _ConvTransposeNd):
        return False
    return isinstance(layer, (nn.Linear, _ConvNd))


def channels(layer: nn.Linear | _ConvNd, side: Side) -> int:
    """Return the number of input or output channels of a layer."""
    if isinstance(layer, nn.Linear):
        return layer.in_features if side == "in" else layer.out_features
    return layer.in_channels if side == "in" else layer.out_channels
