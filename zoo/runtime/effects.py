"""Two effects next to Pyro's own: statements of a network's buffers, and substituted values."""

from __future__ import annotations

from collections.abc import Mapping

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message, effectful
from torch import Tensor, nn


def buffers(network: nn.Module) -> dict[str, Tensor]:
    """State the buffers of a network, by name.

    Each value is a copy, or the value that an enclosing `Substitute` gives.
    """
    values = {}
    for name, value in network.named_buffers():
        values[name] = _buffer(value, name=name)

    return values


class Substitute(Messenger):
    """Give values to `pyro.param` and buffer statements by name.

    Statements of other names keep their values. Unlike `poutine.substitute` it does not
    touch the parameter store, and it reaches buffers.

    Arguments:
        values: Tensors by statement name.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.values = values

    def _pyro_param(self, msg: Message) -> None:
        self._substitute(msg)

    def _pyro_buffer(self, msg: Message) -> None:
        self._substitute(msg)

    def _substitute(self, msg: Message) -> None:
        name = msg["name"]
        if name is not None and name in self.values:
            msg["value"] = self.values[name]


@effectful(type="buffer")
def _buffer(value: Tensor) -> Tensor:
    """State one buffer; a batch norm in training mode writes to the copy, not to the network."""
    return value.clone()
