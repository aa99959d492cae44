"""Selections by layer: its type, its depth, the last one, or all but normalisation."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from zoo.priors.selection import Selected, owner, owners, table_text
from zoo.priors.treatment import Choice, Point, Rule, words
from zoo.runtime.network_call import places
from zoo.runtime.recorded import recorded

_NORMALISATION = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
)


@recorded
def by_type(
    rules: Mapping[type[nn.Module], Rule],
    otherwise: Rule = Point(),  # noqa: B008
) -> Selected:
    """Choose the prior of each parameter by the type of its layer; the first match decides.

    A parameter of a parametrisation (`weight_norm`, `spectral_norm`) belongs to the layer
    whose weight is computed from it. A tied parameter belongs to all its layers.

    References:
        TyXe: Pyro-based Bayesian neural nets for Pytorch (Ritter, Karaletsos, 2022)

    Arguments:
        rules: Rules by layer type.
        otherwise: Rule of the parameters of other layers.

    Raises:
        ValueError: A type of which the network has no layer; the message has the types
            that it has.

    Example:
        >>> by_type({nn.Linear: dist.Normal(0.0, 1.0)})
        by_type({Linear: Normal(0, 1)}, otherwise=Point())
    """

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        for kind in rules:
            _check_type(kind, network)

        def rule_of(name: str, tensor: Tensor) -> Rule:
            for layer in owners(network, name):
                for kind, rule in rules.items():
                    if isinstance(layer, kind):
                        return rule
            return otherwise

        return rule_of

    text = table_text("by_type", rules, otherwise, key_text=_type_name)
    return Selected(choose, text)


def _type_name(kind: type[nn.Module]) -> str:
    return kind.__name__


def _check_type(kind: type[nn.Module], network: nn.Module) -> None:
    layers = list(network.modules())
    if any(isinstance(layer, kind) for layer in layers):
        return

    names = []
    for layer in layers:
        has_parts = len(list(layer.children())) > 0
        if not has_parts:
            names.append(type(layer).__name__)

    listed = ", ".join(dict.fromkeys(names))  # each name once
    raise ValueError(
        f"{type(network).__name__} has no {kind.__name__}; its layers are {listed}"
    )


@recorded
def by_depth(rules: Mapping[int, Rule], otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose the prior of each parameter by its layer's number, in the order of registration.

    Only layers that have parameters count. The first has depth 0 and the last -1.

    Arguments:
        rules: Rules by depth; the first that matches decides.
        otherwise: Rule of the other layers.

    Raises:
        ValueError: A depth that the network does not have; a layer whose weight is tied
            to that of another layer.

    Example:
        >>> rules = {0: dist.Normal(0.0, 2.0), -1: dist.Laplace(0.0, 1.0)}
        >>> by_depth(rules, otherwise=priors.Frozen())
        by_depth({0: Normal(0, 2), -1: Laplace(0, 1)}, otherwise=Frozen())
    """

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        layers = _layers(network)
        by_layer: dict[nn.Module, Rule] = {}
        for depth, rule in rules.items():
            _check_depth(depth, layers, network)
            layer = layers[depth]
            _refuse_tied(layer, network)
            by_layer.setdefault(layer, rule)

        def rule_of(name: str, tensor: Tensor) -> Rule:
            layer = owner(network, name)
            return by_layer.get(layer, otherwise)

        return rule_of

    return Selected(choose, table_text("by_depth", rules, otherwise))


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers that have parameters, in the order of registration."""
    layers: list[nn.Module] = []
    for name, _ in network.named_parameters(remove_duplicate=False):
        layer = owner(network, name)
        if layer not in layers:
            layers.append(layer)
    return layers


def _check_depth(depth: int, layers: list[nn.Module], network: nn.Module) -> None:
    num_layers = len(layers)
    if not -num_layers <= depth < num_layers:
        raise ValueError(
            f"there is no layer {depth}: {type(network).__name__} has {num_layers} layers"
        )


def _refuse_tied(layer: nn.Module, network: nn.Module) -> None:
    """Refuse a layer that has its weight from another layer."""
    for place, name in places(network).items():
        is_of_layer = owner(network, place) is layer
        if is_of_layer and owner(network, name) is not layer:
            raise ValueError(
                f"{place} is tied to {name} of another layer, so a prior of this layer alone is "
                f"not possible; choose the tensor by name: by_name({{{name!r}: ...}})"
            )


@recorded
def last_layer(rule: Rule, otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose one prior for the last layer that has parameters, and another for the rest.

    References:
        Scalable Bayesian Optimization Using Deep Neural Networks (Snoek et al., 2015)

    Arguments:
        rule: Rule of the parameters of the last layer.
        otherwise: Rule of the other parameters; `Frozen()` keeps a trained feature
            extractor.

    Raises:
        ValueError: A last layer whose weight is tied to that of another layer.

    Example:
        >>> priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
        last_layer(Normal(0, 1), otherwise=Frozen())
    """

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        last = _layers(network)[-1]
        _refuse_tied(last, network)

        def rule_of(name: str, tensor: Tensor) -> Rule:
            return rule if owner(network, name) is last else otherwise

        return rule_of

    text = f"last_layer({words(rule)}, otherwise={words(otherwise)})"
    return Selected(choose, text)


@recorded
def all_but_normalisation(rule: Rule, otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose one prior for all layers except batch, layer, group and instance normalisation.

    References:
        Batch Normalization: Accelerating Deep Network Training (Ioffe, Szegedy, 2015)

    Arguments:
        rule: Rule of the parameters of ordinary layers.
        otherwise: Rule of the parameters of normalisation layers.

    Example:
        >>> all_but_normalisation(dist.Normal(0.0, 1.0))
        all_but_normalisation(Normal(0, 1), otherwise=Point())
    """

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        def rule_of(name: str, tensor: Tensor) -> Rule:
            is_normalisation = isinstance(owner(network, name), _NORMALISATION)
            return otherwise if is_normalisation else rule

        return rule_of

    text = f"all_but_normalisation({words(rule)}, otherwise={words(otherwise)})"
    return Selected(choose, text)
