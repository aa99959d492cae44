"""The names of the columns of tables that are inputs, so that a prediction has the same order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.data.column import is_pair

_MANY = 100  # longer lists hold numbers
Names = Any  # of a table: its columns; of several inputs: a tuple or dict of them; else None


def names_of_inputs(data: Any) -> Names:
    """Return the names of the columns of the inputs of a pair, None if they have none."""
    return _names(data[0]) if is_pair(data) else None


def in_order(x: Any, names: Names, place: str = "inputs") -> Any:
    """Return inputs with the columns of tables in the order of the fit.

    Arguments:
        x: Inputs, as the user gives them.
        names: The names of the columns in the fit.
        place: What they are, for the message.

    Raises:
        ValueError: A table with other columns; the message names them.
    """
    if isinstance(x, Mapping) and isinstance(names, Mapping):
        return {
            key: in_order(part, names.get(key), f"{place}[{key!r}]")
            for key, part in x.items()
        }

    is_tuple = isinstance(x, (tuple, list)) and isinstance(names, list)
    if is_tuple and len(x) == len(names):
        pairs = zip(x, names, strict=True)
        return tuple(
            in_order(part, own, f"{place}[{number}]")
            for number, (part, own) in enumerate(pairs)
        )

    if not (isinstance(names, tuple) and hasattr(x, "columns")):
        return x

    present = tuple(x.columns)
    if present == names:
        return x

    absent = [name for name in names if name not in present]
    if absent:
        listed = ", ".join(map(repr, absent))
        raise ValueError(
            f"the {place} have no column {listed}, which the model was fitted to; give the "
            f"columns {', '.join(map(repr, names))}"
        )

    return x[list(names)]


def _names(x: Any) -> Names:
    """Return the names of the columns of inputs."""
    if isinstance(x, Mapping):
        return {key: _names(part) for key, part in x.items()}

    if isinstance(x, (tuple, list)):
        return [_names(part) for part in x] if len(x) < _MANY else None

    return tuple(x.columns) if hasattr(x, "columns") else None
