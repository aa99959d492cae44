"""The base of selections: rules that see the network and choose for each of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from zoo.priors.treatment import Choice, Rule, words


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
    """Return the layer that owns a parameter, or the layer of that name."""
    modules = dict(network.named_modules())
    if name in modules:
        return modules[name]

    layer, _, _ = name.rpartition(".")

    return modules[layer]
