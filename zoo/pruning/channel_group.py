"""A channel group: what several layers do with the channels that they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


class Positions(NamedTuple):
    """Where channels stand in one layer, and where in the group.

    Arguments:
        in_layer: Positions among the inputs or outputs of the layer.
        in_group: Positions of the same channels in the group.
    """

    in_layer: Tensor
    in_group: Tensor


@dataclass
class ChannelGroup:
    """The C channels that a group of layers has in common, and what its layers do with them.

    A channel can be removed if no layer has a weight for it; or if it has no parameters
    of its own, and is zero where a layer reads it.

    Arguments:
        has_parameters: Whether a layer that writes or normalises the channel has a
            nonzero parameter for it, (C,).
        is_read: Whether a layer that reads the channel has a nonzero weight for it, (C,).
        is_nonzero: Whether such a layer reads a value that is not zero, (C,).
        reader: The name of a layer that reads the channels; "" if there is none.
        without_weights: The channels whose weights are all zero, by the name of the layer
            that writes them.
        obstacle: Why no channel of the group can be removed; "" if there is no reason.
    """

    has_parameters: Tensor
    is_read: Tensor
    is_nonzero: Tensor
    reader: str = ""
    without_weights: dict[str, Tensor] = field(default_factory=dict)
    obstacle: str = ""

    @classmethod
    def of_size(cls, number: int) -> ChannelGroup:
        """Make a group of channels of which nothing is known."""
        unknown = torch.zeros(3, number, dtype=torch.bool)
        return cls(*unknown)

    def add_normalisation(self, at: Positions, zero: Sequence[Tensor]) -> None:
        """Add a normalisation of channels.

        Arguments:
            at: The positions of its channels.
            zero: Whether each element of its parameters is zero.
        """
        for is_zero in zero:
            nonzero = ~is_zero.flatten()[at.in_layer]
            self.has_parameters[at.in_group[nonzero]] = True

    def add_writer(self, at: Positions, name: str, zero: Sequence[Tensor]) -> None:
        """Add a layer whose outputs are channels.

        Arguments:
            at: The positions of its outputs.
            name: The name of the layer.
            zero: Whether each element of its weight, (O, I, ...), and of its other
                parameters, (O,), is zero.
        """
        weight, *others = zero
        without_weight = weight.flatten(1).all(1)[at.in_layer]
        self.without_weights[name] = at.in_group[without_weight]

        all_zero = without_weight
        for other in others:
            all_zero = all_zero & other[at.in_layer]
        self.has_parameters[at.in_group[~all_zero]] = True

    def add_reader(
        self, at: Positions, name: str, zero: Tensor, silent: Tensor
    ) -> None:
        """Add a layer whose inputs are channels.

        Arguments:
            at: The positions of its inputs.
            name: The name of the layer.
            zero: Whether each element of its weight is zero, (O, I, ...).
            silent: Whether each input is zero, (I,).
        """
        has_weight = ~zero.transpose(0, 1).flatten(1).all(1)
        has_weight = has_weight[at.in_layer]
        is_nonzero = has_weight & ~silent[at.in_layer]

        self.reader = name
        self.is_read[at.in_group[has_weight]] = True
        self.is_nonzero[at.in_group[is_nonzero]] = True

    def removable(self) -> Tensor:
        """Return which channels can be removed, (C,)."""
        if self.obstacle:
            return torch.zeros_like(self.is_read)

        is_zero = ~(self.has_parameters | self.is_nonzero)
        return ~self.is_read | is_zero

    def reasons(self) -> dict[str, str]:
        """Return why layers keep channels without weights, by the layer's name."""
        removable = self.removable()
        reasons = {}
        for layer, channels in self.without_weights.items():
            if not bool(removable[channels].all()):
                reasons[layer] = self._reason(channels)

        return reasons

    def _reason(self, channels: Tensor) -> str:
        if self.obstacle:
            return self.obstacle

        if bool(self.has_parameters[channels].any()):
            return (
                "its bias, its normalisation or a layer that is added to it is not zero"
            )

        return (
            f"{self.reader!r} gets another value than zero for it, e.g. from an activation "
            "or a normalisation"
        )
