"""What a program remembers in Python between two calls, compared and put back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zoo.tracing.contents import LONG, content
from zoo.tracing.generators import is_generator, set_shared_states, shared_states
from zoo.tracing.reachable import Memory, memories_of

_NOT_THERE = object()
_LENGTH = object()  # the key of the number of values


class Change(NamedTuple):
    """What a program has changed in Python.

    Arguments:
        place: What has another value now, in words.
        is_random: Whether it is the state of a generator of random numbers.
    """

    place: str
    is_random: bool

    @property
    def sentence(self) -> str:
        """What the program does, and what to write instead."""
        if self.is_random:
            return f"it draws random numbers from {self.place}; draw them by torch.rand"

        return f"it changes {self.place}; keep that value in a buffer"


class PythonState:
    """Everything that a program remembers in Python, as it is now.

    This is the state of Python's and NumPy's random numbers, and what can be found from
    the program itself: attributes of modules, objects and classes, lists and other
    containers, random generators, and the variables that its functions share.

    Arguments:
        program: The program.
    """

    def __init__(self, program: Callable[..., Any]) -> None:
        self._random = shared_states()
        self._memories = memories_of(program)
        self._contents = [_named_contents(memory) for memory in self._memories]
        self._values = [memory.read() for memory in self._memories]

    def change(self) -> Change | None:
        """Return what has changed since, a generator of random numbers first, if any."""
        now = shared_states()
        for name, state in now.items():
            if content(state) != content(self._random.get(name)):
                return Change(name, is_random=True)

        changes = []
        for memory, before in zip(self._memories, self._contents, strict=True):
            key = _first_difference(before, _named_contents(memory))
            if key is not None:
                is_random = is_generator(memory.read().get(key))
                changes.append(Change(memory.describe(key), is_random))

        changes.sort(key=lambda change: not change.is_random)

        return changes[0] if changes else None

    def restore(self) -> None:
        """Put everything back."""
        set_shared_states(self._random)
        for memory, value in zip(self._memories, self._values, strict=True):
            if not _is_same(memory.read(), value):
                memory.write(value)


def _named_contents(memory: Memory) -> dict[Any, Any]:
    """Return the contents of a memory by key."""
    values = memory.read()
    contents: dict[Any, Any] = {_LENGTH: len(values)}
    for key, value in itertools.islice(values.items(), LONG):
        contents[key] = content(value)

    return contents


def _first_difference(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> Any:
    """Return the first key at which two mappings differ, None if they are equal."""
    for key in (*one, *other):
        if one.get(key, _NOT_THERE) != other.get(key, _NOT_THERE):
            return key

    return None


def _is_same(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    """Return whether two mappings hold the same objects under the same keys."""
    if one.keys() != other.keys():
        return False

    return all(value is other[key] for key, value in one.items())
