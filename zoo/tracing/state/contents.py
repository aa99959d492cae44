"""The content of a Python value, in a form that can be compared after the value has changed."""

from __future__ import annotations

import enum
import itertools
import pickle
from collections import deque
from typing import Any

import numpy

from zoo.tracing.state.generators import generator_state, is_generator

_PLAIN = (bool, int, str, bytes, complex, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)
_CHANGING_INSIDE = (tuple, frozenset, numpy.ndarray, itertools.count)
_PLAIN_KINDS = frozenset(_PLAIN)
DEPTH = 4  # levels of containers inside each other that are compared
LONG = 1000  # elements of a container that are compared
_BIG = 2**20  # bytes of an array that are compared


def content(value: Any, depth: int = DEPTH) -> Any:
    """Return numbers and text by value, containers by their elements, other values by type.

    Tensors are other values: a graph reads them as inputs, and two runs are compared by
    their results.

    Arguments:
        value: Any value.
        depth: Levels of containers inside each other that are compared.
    """
    kind = type(value)
    if isinstance(value, _PLAIN):
        return kind, value

    if isinstance(value, (float, numpy.generic, enum.Enum, itertools.count)):
        return kind, repr(value)  # NaN equals NaN

    if is_generator(value):
        return kind, pickle.dumps(generator_state(value))

    if isinstance(value, numpy.ndarray) and value.dtype != object:
        is_big = value.nbytes > _BIG
        return kind, value.shape, b"" if is_big else value.tobytes()

    if depth > 0 and isinstance(value, _CONTAINERS):
        return kind, len(value), _elements(value, depth - 1)

    return kind


def changes_inside(value: Any) -> bool:
    """Return whether a value can have another content while it is the same object.

    Lists, dictionaries, sets and generators are left out: they are memories of their own,
    as `zoo.tracing.state.reachable` finds them.
    """
    return isinstance(value, _CHANGING_INSIDE)


def holds(value: Any, part: Any, depth: int = DEPTH) -> bool:
    """Return whether a value is an object, or a container that holds it.

    Arguments:
        value: Any value.
        part: The object.
        depth: Levels of containers inside each other that are searched.
    """
    if value is part:
        return True

    if depth == 0 or not isinstance(value, _CONTAINERS):
        return False

    parts = value.values() if isinstance(value, dict) else value
    first = itertools.islice(parts, LONG)

    return any(holds(each, part, depth - 1) for each in first)


def _elements(value: Any, depth: int) -> Any:
    """Return the contents of the first elements of a container."""
    if isinstance(value, (set, frozenset)):
        return frozenset(content(element, depth) for element in value)

    parts = value.items() if isinstance(value, dict) else value
    first = tuple(itertools.islice(parts, LONG))
    kinds = tuple(map(type, first))
    if _PLAIN_KINDS.issuperset(kinds):
        return kinds, first

    return tuple(content(element, depth) for element in first)
