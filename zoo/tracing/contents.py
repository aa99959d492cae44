"""The content of a Python value, in a form that can be compared after the value has changed."""

from __future__ import annotations

import enum
import itertools
import pickle
import random
from collections import deque
from typing import Any

import numpy
import torch

_PLAIN = (bool, int, str, bytes, complex, type(None))
_DEPTH = 4
LONG = 1000  # elements of a container that are compared
_BIG = 2**20  # bytes of an array that are compared
GENERATORS = (
    random.Random,
    numpy.random.Generator,
    numpy.random.RandomState,
    numpy.random.BitGenerator,
    torch.Generator,
)


def content(value: Any, depth: int = _DEPTH) -> Any:
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

    if isinstance(value, GENERATORS):
        return kind, pickle.dumps(generator_state(value))

    if isinstance(value, numpy.ndarray) and value.dtype != object:
        is_big = value.nbytes > _BIG
        return kind, value.shape, b"" if is_big else value.tobytes()

    if depth > 0 and isinstance(value, (list, tuple, dict, set, frozenset, deque)):
        return kind, len(value), _elements(value, depth - 1)

    return kind


def generator_state(generator: Any) -> Any:
    """Return the state of a random generator."""
    if isinstance(generator, random.Random):
        return generator.getstate()

    if isinstance(generator, numpy.random.Generator):
        return generator.bit_generator.state

    if isinstance(generator, numpy.random.BitGenerator):
        return generator.state

    if isinstance(generator, numpy.random.RandomState):
        return generator.get_state()

    return generator.get_state().numpy()


def set_generator_state(generator: Any, state: Any) -> None:
    """Set the state of a random generator to one that `generator_state` returned."""
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, numpy.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, numpy.random.BitGenerator):
        generator.state = state
    elif isinstance(generator, numpy.random.RandomState):
        generator.set_state(state)
    else:
        generator.set_state(torch.from_numpy(state))


def _elements(value: Any, depth: int) -> Any:
    """Return the contents of the first elements of a container."""
    if isinstance(value, (set, frozenset)):
        return frozenset(content(element, depth) for element in value)

    parts = value.items() if isinstance(value, dict) else value
    first = itertools.islice(parts, LONG)

    return tuple(content(element, depth) for element in first)
