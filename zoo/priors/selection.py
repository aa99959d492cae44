"""The base of selections: rules that see the network and choose for each of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from zoo.priors.treatment import Choice, Rule, words
from zoo.runtime.network_call import places


class Selected:
    """A selection: it chooses a rule for each tensor of a network.

    Arguments:
        choose: Given the network and its tensors by name, returns the choice for each.
        text: The repr of the selection.
    """

    def __init__(
        self, choose: Callable[[nn.Module, Mapping[str, Tensor]], Choice], text: str
    ) -> None:
        self.choose = choose
        self.text = text

    def bind(self, network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        """Return the choice for each of the named tensors of this network."""
        return self.choose(network, tensors)

    def __repr__(self) -> str:
        return self.text


def table_text(
    name: str,
    rules: Mapping[Any, Rule],
    otherwise: Rule,
    key_text: Callable[[Any], str] = repr,
) -> str:
    """Return the repr of a selection with a table of rules.

    Arguments:
        name: Name of the selection.
        rules: The table.
        otherwise: The rule of everything that is not in the table.
        key_text: Returns a key of the table as text.
    """
    entries = []
    for key, rule in rules.items():
        entries.append(f"{key_text(key)}: {words(rule)}")

    table = ", ".join(entries)
    return f"{name}({{{table}}}, otherwise={words(otherwise)})"


def owner(network: nn.Module, name: str) -> nn.Module:
    """Return the layer that owns a parameter, or the layer of that name.

    The layer of a parametrised weight owns the parameters that the weight is computed
    from. A tied parameter is owned by the layer that has it first.
    """
    return _owners_of_place(network, name)[-1]


def owners(network: nn.Module, name: str) -> list[nn.Module]:
    """Return all modules that own a parameter, from the nearest: a tied one has several.

    The parameters of a parametrisation are its own, then those of its layer.
    """
    found = []
    for place in [name, *other_places(network, name)]:
        found.extend(_owners_of_place(network, place))

    return found


def other_places(network: nn.Module, name: str) -> list[str]:
    """Return the other names of a tied parameter."""
    found = []
    for place, first in places(network).items():
        if first == name and place != name:
            found.append(place)

    return found


def _owners_of_place(network: nn.Module, name: str) -> list[nn.Module]:
    modules = dict(network.named_modules(remove_duplicate=False))
    if name in modules:
        return [modules[name]]

    path, _, _ = name.rpartition(".")
    found = [modules[path]]

    layer, _, _ = f".{path}.".partition(".parametrizations.")
    layer = layer.strip(".")
    if layer != path and is_parametrized(modules[layer]):
        found.append(modules[layer])

    return found
