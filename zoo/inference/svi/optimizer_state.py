"""The state of an optimiser in a file: its tensors by name, and what it holds besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

# A value in the layout is a pair of one of these words and what it says.
_TENSOR, _LIST, _VALUE = "tensor", "list", "value"


class StoredState(NamedTuple):
    """The state of an optimiser.

    Arguments:
        tensors: Its tensors by name.
        layout: Values of each parameter by name, with names of tensors in their place.
    """

    tensors: dict[str, Tensor]
    layout: dict[str, dict[str, Any]]


def stored(state: Mapping[int, Mapping[str, Any]]) -> StoredState:
    """Return the state of an optimiser as tensors and plain values.

    Arguments:
        state: Values of each parameter, such as `optimizer.state_dict()["state"]`.
    """
    found = StoredState({}, {})
    for number, values in state.items():
        described = {}
        for name, value in values.items():
            described[name] = _describe(value, f"{number}/{name}", found.tensors)

        found.layout[str(number)] = described

    return found


def restored(
    layout: Mapping[str, Mapping[str, Any]], tensors: Mapping[str, Tensor]
) -> dict[int, dict[str, Any]]:
    """Return the state of an optimiser that `stored` gave.

    Arguments:
        layout: The layout.
        tensors: The tensors by name.
    """
    state = {}
    for number, values in layout.items():
        state[int(number)] = {
            name: _value(value, tensors) for name, value in values.items()
        }

    return state


def _describe(value: Any, name: str, tensors: dict[str, Tensor]) -> tuple[str, Any]:
    """Return a value for the layout, and add its tensors to those found so far."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return _TENSOR, name

    if isinstance(value, (list, tuple)):
        parts = []
        for number, part in enumerate(value):
            parts.append(_describe(part, f"{name}/{number}", tensors))

        return _LIST, parts

    return _VALUE, value


def _value(described: tuple[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Return the value that a pair of the layout describes."""
    kind, what = described
    if kind == _TENSOR:
        return tensors[what]

    if kind == _LIST:
        return [_value(part, tensors) for part in what]

    return what
