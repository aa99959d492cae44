"""Selections: which layers a distribution is for, by composition instead of flags."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from torch import Tensor, nn

from zoo.priors.treatment import Point, Rule, words

NORMALISATION = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
)


class Selected:
    """A selection: `choose(network, tensors)` gives the callable that picks a rule for each tensor."""

    def __init__(
        self,
        choose: Callable[[nn.Module, dict[str, Tensor]], Callable[[str, Tensor], Rule]],
        text: str,
    ) -> None:
        self.choose, self.text = choose, text

    def bind(
        self, network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        """Return the choice for each of the named tensors of this network."""
        return self.choose(network, tensors)

    def __repr__(self) -> str:
        return self.text


def by_name(rules: Mapping[str, Rule], otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose by name pattern; the first pattern that matches decides.

    References:
        TyXe: Pyro-based Bayesian neural nets for Pytorch (Ritter, Karaletsos, 2022)

    Arguments:
        rules: Shell-style patterns of parameter names (or layer names, for nodes) and
            what each gets.
        otherwise: What the others get.

    Raises:
        ValueError: A pattern that matches no name, with the nearest names.

    Example:
        >>> by_name({"*.bias": dist.Normal(0.0, 10.0)}, otherwise=dist.Normal(0.0, 1.0))
        by_name({'*.bias': Normal(0, 10)}, otherwise=Normal(0, 1))
    """

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        for pattern in rules if len(tensors) > 1 else ():
            if not any(fnmatchcase(name, pattern) for name in tensors):
                near = difflib.get_close_matches(pattern, tensors, n=3, cutoff=0.0)
                raise ValueError(
                    f"no parameter or layer is called {pattern!r}; the nearest are {', '.join(near)}"
                )
        return lambda name, _: next(
            (rule for pattern, rule in rules.items() if fnmatchcase(name, pattern)),
            otherwise,
        )

    table = ", ".join(f"{pattern!r}: {words(rule)}" for pattern, rule in rules.items())
    return Selected(choose, f"by_name({{{table}}}, otherwise={words(otherwise)})")


def by_type(
    rules: Mapping[type[nn.Module], Rule], otherwise: Rule = Point()
) -> Selected:
    """Choose by the type of the layer that owns the parameter.

    References:
        TyXe: Pyro-based Bayesian neural nets for Pytorch (Ritter, Karaletsos, 2022)

    Arguments:
        rules: Layer types and what the parameters of such layers get.
        otherwise: What the others get.

    Raises:
        ValueError: A type of which the network has no layer, with the types that it
            has.

    Example:
        >>> by_type({nn.Linear: dist.Normal(0.0, 1.0)})
        by_type({Linear: Normal(0, 1)}, otherwise=Point())
    """

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        for kind in rules:
            if not any(isinstance(layer, kind) for layer in network.modules()):
                kinds = {
                    type(layer).__name__: None
                    for layer in network.modules()
                    if not any(layer.children())
                }
                raise ValueError(
                    f"{type(network).__name__} has no {kind.__name__}; its layers are {', '.join(kinds)}"
                )
        return lambda name, _: next(
            (
                rule
                for kind, rule in rules.items()
                if isinstance(owner(network, name), kind)
            ),
            otherwise,
        )

    table = ", ".join(f"{kind.__name__}: {words(rule)}" for kind, rule in rules.items())
    return Selected(choose, f"by_type({{{table}}}, otherwise={words(otherwise)})")


def last_layer(rule: Rule, otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose the last layer that has parameters, in the order in which the network registers them.

    References:
        Scalable Bayesian Optimization Using Deep Neural Networks (Snoek et al., 2015)

    Arguments:
        rule: What the parameters of the last layer get.
        otherwise: What the others get; `Frozen()` keeps a trained feature extractor.

    Example:
        >>> priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
        last_layer(Normal(0, 1), otherwise=Frozen())
    """

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        last = owner(network, [name for name, _ in network.named_parameters()][-1])
        return lambda name, _: rule if owner(network, name) is last else otherwise

    return Selected(choose, f"last_layer({words(rule)}, otherwise={words(otherwise)})")


def by_depth(rules: Mapping[int, Rule], otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose by depth: layers that have parameters, counted from 0, or backwards from -1, as they are registered.

    Arguments:
        rules: Depths and what each gets; the first that matches decides.
        otherwise: What the layers between get.

    Raises:
        ValueError: A depth that the network does not have.

    Example:
        >>> by_depth({0: dist.Normal(0.0, 2.0), -1: dist.Laplace(0.0, 1.0)}, otherwise=priors.Frozen())
        by_depth({0: Normal(0, 2), -1: Laplace(0, 1)}, otherwise=Frozen())
    """

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        layers = list(
            dict.fromkeys(
                owner(network, name) for name, _ in network.named_parameters()
            )
        )
        for depth in rules:
            if not -len(layers) <= depth < len(layers):
                raise ValueError(
                    f"there is no layer {depth}: {type(network).__name__} has {len(layers)} layers"
                )
        chosen = [(layers[depth], rule) for depth, rule in rules.items()]
        return lambda name, _: next(
            (rule for layer, rule in chosen if layer is owner(network, name)), otherwise
        )

    table = ", ".join(f"{depth}: {words(rule)}" for depth, rule in rules.items())
    return Selected(choose, f"by_depth({{{table}}}, otherwise={words(otherwise)})")


def all_but_normalisation(rule: Rule, otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose every layer but batch, layer, group and instance normalisation.

    References:
        Batch Normalization: Accelerating Deep Network Training (Ioffe, Szegedy, 2015)

    Arguments:
        rule: What the parameters of ordinary layers get.
        otherwise: What the parameters of normalisation layers get.

    Example:
        >>> all_but_normalisation(dist.Normal(0.0, 1.0))
        all_but_normalisation(Normal(0, 1), otherwise=Point())
    """

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        return lambda name, _: (
            otherwise if isinstance(owner(network, name), NORMALISATION) else rule
        )

    return Selected(
        choose, f"all_but_normalisation({words(rule)}, otherwise={words(otherwise)})"
    )


def owner(network: nn.Module, name: str) -> nn.Module:
    """Return the layer that owns a parameter, or the layer of that name."""
    modules = dict(network.named_modules())
    return modules[name] if name in modules else modules[name.rpartition(".")[0]]
