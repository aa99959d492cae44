"""Two effects beside Pyro's own: a network's buffers as statements of the program, and values given from outside."""

from __future__ import annotations

from collections.abc import Mapping

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message, effectful
from torch import Tensor, nn


@effectful(type="buffer")
def _buffer(value: Tensor) -> Tensor:
    return (
        value.clone()
    )  # a batch norm in training mode writes here, never into the network


def buffers(network: nn.Module) -> dict[str, Tensor]:
    """State the network's buffers: a copy of each, or what `Substitute` has in its place."""
    return {name: _buffer(value, name=name) for name, value in network.named_buffers()}


class Substitute(Messenger):
    """Give values to `pyro.param` and buffer statements by name; what is not named keeps its own.

    Unlike `poutine.substitute` it leaves the parameter store alone and reaches buffers.

    Arguments:
        values: Tensors by statement name.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.values = values

    def _pyro_param(self, msg: Message) -> None:
        msg["value"] = self.values.get(msg["name"], msg["value"])

    def _pyro_buffer(self, msg: Message) -> None:
        msg["value"] = self.values.get(msg["name"], msg["value"])
