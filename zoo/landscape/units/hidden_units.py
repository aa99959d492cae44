"""The hidden units of a network that can change places with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo.landscape.units.unit_labels import (
    FIXED,
    ZERO,
    LabelledAxis,
    LabelMode,
    Labels,
    UnknownFunction,
)
from zoo.landscape.units.units import Axis, UnitGroup
from zoo.model import BayesianNetwork
from zoo.predictive.inputs import place_inputs
from zoo.predictive.network_call import call_arguments
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.rows import Rows, first

_Key = tuple[str, int]  # a tensor and a dimension of it


def hidden_units(model: BayesianNetwork, x: Rows) -> list[UnitGroup]:
    """Return the groups of units that can change places, in the order of the network.

    The network runs once. The units of a layer are a group. Where layers are added to each
    other, as by the skips of a residual network, one unit is a channel of all of them.

    Arguments:
        model: The model.
        x: Some inputs.

    Raises:
        ValueError: A function of the network of which it is not known what it does to units,
            or no hidden unit.
    """
    network = model.network
    places = _Places()
    try:
        places.follow(network, place_inputs(model, first(x, 1)))
    except UnknownFunction as unknown:
        raise ValueError(_refusal(network, f"there is {unknown}")) from unknown

    groups = places.groups()
    if not groups:
        raise ValueError(_refusal(network, "there is no hidden layer"))

    return groups


def not_one_function(network: nn.Module) -> str:
    """Return the message about a network whose function other places of units change."""
    return _refusal(network, "a permutation of hidden units changes its function")


class _Places:
    """Where the units of a network are."""

    def __init__(self) -> None:
        self._labels = Labels()
        self._found: dict[_Key, LabelledAxis] = {}

    @torch.no_grad()
    def follow(self, network: nn.Module, x: Rows) -> None:
        """Run a network, and remember the places of its units.

        Raises:
            UnknownFunction: A function of which it is not known what it does to units.
        """
        tensors = [*network.named_parameters(), *network.named_buffers()]
        names = {id(tensor): name for name, tensor in tensors}
        arguments, keywords = call_arguments(network, x)
        inputs = [
            leaf
            for leaf in (*arguments, *keywords.values())
            if isinstance(leaf, Tensor)
        ]
        mode = LabelMode(names, inputs)
        with evaluation_mode(network), mode:
            output = network(*arguments, **keywords)

        mode.finish(output)
        self._labels = mode.labels
        for place in mode.places:
            self._add(place)

    def groups(self) -> list[UnitGroup]:
        """Return the groups of units that are in the same tensors equally often."""
        entries: dict[int, dict[_Key, list[int]]] = {}
        for key, place in self._found.items():
            for entry, label in enumerate(self._labels.roots(place.labels).tolist()):
                if label not in (FIXED, ZERO):
                    entries.setdefault(label, {}).setdefault(key, []).append(entry)

        groups: dict[tuple, list[int]] = {}
        for label, of_unit in entries.items():
            counts = tuple((key, len(found)) for key, found in of_unit.items())
            is_odd = self._labels.is_odd(label)
            groups.setdefault((is_odd, *counts), []).append(label)

        return [
            self._units([entries[label] for label in labels], is_odd)
            for (is_odd, *_), labels in groups.items()
        ]

    def _add(self, place: LabelledAxis) -> None:
        """Add a place; a tensor that is used twice joins the units of both uses."""
        key = place.name, place.dim
        earlier = self._found.setdefault(key, place)
        self._labels.join(earlier.labels, place.labels)

    def _units(
        self, units: Sequence[Mapping[_Key, list[int]]], is_odd: bool
    ) -> UnitGroup:
        """Return a group of units, given the entries of each."""
        axes = []
        for name, dim in units[0]:
            entries = torch.tensor([unit[name, dim] for unit in units])
            axes.append(Axis(name, dim, entries, self._found[name, dim].flips))

        return UnitGroup(len(units), axes, is_odd)


def _refusal(network: nn.Module, reason: str) -> str:
    """Return the message about a network whose units cannot be followed."""
    return (
        "units change places in networks of linear, convolutional and batch-normalising layers, "
        f"with or without skips, but in {type(network).__name__} {reason}; connect the ends as "
        "they are"
    )
