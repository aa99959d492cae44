"""A selection by the names of parameters or layers."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from itertools import chain

from torch import Tensor, nn

from zoo.priors.selection import Selected, other_places, table_text
from zoo.priors.treatment import Choice, Named, Point, Rule
from zoo.runtime.recorded import recorded


@recorded
def by_name(rules: Mapping[str, Rule], otherwise: Rule = Point()) -> Selected:  # noqa: B008
    """Choose the prior of each parameter by patterns of its name; the first match decides.

    A tied parameter has all its names. A parameter with `requires_grad=False` stays frozen
    under a pattern such as "body.*", and follows its rule, with a warning, if the rules
    have its whole name.

    References:
        TyXe: Pyro-based Bayesian neural nets for Pytorch (Ritter, Karaletsos, 2022)

    Arguments:
        rules: Rules by shell-style patterns of parameter names, or of layer names for
            nodes.
        otherwise: Rule of the other tensors.

    Raises:
        ValueError: A pattern that matches no name; the message has the nearest names.

    Example:
        >>> by_name({"*.bias": dist.Normal(0.0, 10.0)}, otherwise=dist.Normal(0.0, 1.0))
        by_name({'*.bias': Normal(0, 10)}, otherwise=Normal(0, 1))
    """

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        names = {name: [name, *other_places(network, name)] for name in tensors}

        # Inside another selection there is one tensor, which need not match every pattern.
        if len(tensors) > 1:
            _check_patterns(rules, list(chain(*names.values())))

        def rule_of(name: str, tensor: Tensor) -> Rule:
            for pattern, rule in rules.items():
                if pattern in names[name]:
                    return Named(rule)
                if any(fnmatchcase(each, pattern) for each in names[name]):
                    return rule
            return otherwise

        return rule_of

    return Selected(choose, table_text("by_name", rules, otherwise))


def _check_patterns(patterns: Collection[str], names: Collection[str]) -> None:
    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in names):
            continue
        nearest = difflib.get_close_matches(pattern, names, n=3, cutoff=0.0)
        listed = ", ".join(nearest)
        raise ValueError(
            f"no parameter or layer is called {pattern!r}; the nearest are {listed}"
        )
