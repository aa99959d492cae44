"""The plain values that objects hold in their attributes: what code outside a program changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

_PLAIN = (bool, int, float, str)


class PlainValues:
    """The numbers, booleans and texts in the attributes of modules and other objects.

    A loader, a scheduler or a callback may change such a value between two calls of a
    program, e.g. a temperature that is annealed. A graph does not see it.

    Arguments:
        owners: Modules, whose parts are looked at too, and other objects.

    Example:
        >>> network = nn.Dropout(0.5)
        >>> values = PlainValues([network])
        >>> network.p = 0.1
        >>> values.change()
        'Dropout.p'
    """

    def __init__(self, owners: Sequence[Any]) -> None:
        self._places: list[tuple[str, dict[str, Any], str]] = []
        for name, attributes in _attributes(owners):
            for key, value in attributes.items():
                if isinstance(value, _PLAIN):
                    self._places.append((name, attributes, key))

        self._before = self._values()

    def change(self) -> str:
        """Return the first value that is another one than before, "" if there is none."""
        values = self._values()
        if values == self._before:
            return ""

        for place, before, now in zip(self._places, self._before, values, strict=True):
            name, _, key = place
            if before != now:
                return f"{name}.{key}"

        return ""

    def _values(self) -> list[Any]:
        return [attributes.get(key) for _, attributes, key in self._places]


def _attributes(owners: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of the class and the attributes of each object and each of its modules."""
    for owner in owners:
        parts = owner.modules() if isinstance(owner, nn.Module) else [owner]
        for part in parts:
            if hasattr(part, "__dict__"):
                yield type(part).__name__, vars(part)
