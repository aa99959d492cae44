"""Node priors: a site per layer, multiplying the channels of its input or output."""

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from zoo.priors.plan import Nodes, Plan
from zoo.priors.treatment import BySide, Frozen, Point, Rule, treat, words

SIDES = {"in": ("in",), "out": ("out",), "both": ("in", "out")}


class NodePrior:
    r"""A prior over nodes: z multiplies the input channels of a layer, or its output before the bias, or both.

    .. math:: f_l = \sigma(W_l \, (f_{l-1} \circ z_l) + b_l), \qquad z_l \sim p(z)

    The weights stay what `weights` says: point estimates, frozen, or random themselves.
    Linear and convolution layers have nodes, grouped convolutions included; transposed
    convolutions and recurrent layers have none.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi, Kaski, 2022)

    Arguments:
        rule: What a node has as its prior: a distribution, a callable `(layer name,
            weight) -> distribution`, or a selection by layer name or type; `Frozen()`
            gives a layer no nodes. Scales are standard deviations.
        where: "in", "out" or "both".
        weights: What the weights get, as in `WeightPrior`: `Point()`, `Point(prior)`,
            `Frozen()`, or a distribution, which makes nodes and weights random
            together.

    Example:
        >>> plan = NodePrior(dist.Normal(1.0, 0.3)).bind(networks.MLP(6, 1, hidden=[10]))
        >>> {name: node.size for name, node in plan.nodes.items()}
        {'layer1.nodes_in': 6, 'layer2.nodes_in': 10}
    """

    def __init__(self, rule: Rule, where: str = "in", weights: Rule = Point()) -> None:  # noqa: B008
        if where not in SIDES:
            raise ValueError(f"where is 'in', 'out' or 'both', not {where!r}")
        self.rule, self.where, self.weights = rule, where, weights

    def bind(self, network: nn.Module) -> Plan:
        """Give every linear and convolution layer of a network its nodes, and the weights their treatment."""
        layers = {
            name: layer for name, layer in network.named_modules() if has_nodes(layer)
        }
        if not layers:
            raise ValueError(
                f"{type(network).__name__} has no linear or convolution layer, so it has no nodes; use a WeightPrior"
            )
        rules = treat(
            self.rule, network, {name: layer.weight for name, layer in layers.items()}
        )
        nodes = {}
        for name, layer in layers.items():
            prefix = f"{name}." if name else ""
            for side in SIDES[self.where]:
                prior = (
                    rules[name].sides[side]
                    if isinstance(rules[name], BySide)
                    else rules[name]
                )
                if isinstance(prior, (Point, Frozen)):
                    continue
                size = channels(layer, side)
                groups = getattr(layer, "groups", 1)
                nodes[f"{prefix}nodes_{side}"] = Nodes(
                    f"{prefix}weight", side, groups, size, prior
                )
        return Plan(
            treat(self.weights, network, dict(network.named_parameters())), nodes
        )

    def __repr__(self) -> str:
        return f"NodePrior({words(self.rule)}, where={self.where!r}, weights={words(self.weights)})"


def has_nodes(layer: nn.Module) -> bool:
    """Tell whether a layer is linear or a convolution."""
    return isinstance(layer, (nn.Linear, _ConvNd)) and not isinstance(
        layer, _ConvTransposeNd
    )


def channels(layer: nn.Module, side: str) -> int:
    """Count the input or output channels of a layer."""
    linear = isinstance(layer, nn.Linear)
    if side == "in":
        return layer.in_features if linear else layer.in_channels
    return layer.out_features if linear else layer.out_channels
