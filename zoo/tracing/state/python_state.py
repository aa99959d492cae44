"""What a program remembers in Python between two calls, compared and put back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zoo.tracing.state.contents import LONG, changes_inside, content, holds
from zoo.tracing.state.generators import is_generator, set_shared_states, shared_states
from zoo.tracing.state.reachable import Memory, memories_of

_NOTHING = object()  # no key of a value


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
        self._values = [memory.read() for memory in self._memories]
        self._contents = [_contents_inside(values) for values in self._values]

    def change(self) -> Change | None:
        """Return what has changed since, a generator of random numbers first, if any."""
        now = shared_states()
        for name, state in now.items():
            if content(state) != content(self._random.get(name)):
                return Change(name, is_random=True)

        changes = []
        before = zip(self._memories, self._values, self._contents, strict=True)
        for memory, values, contents in before:
            key = _first_difference(values, contents, memory.read())
            if key is not _NOTHING:
                changes.append(self._change(memory, key))

        changes.sort(key=lambda change: not change.is_random)

        return changes[0] if changes else None

    def _change(self, memory: Memory, key: Any) -> Change:
        """Return the change of a memory, in the words of the place where it is found first."""
        value = memory.inside if memory.inside is not None else memory.read().get(key)
        is_random = is_generator(value)
        for other, values in zip(self._memories, self._values, strict=True):
            for name, each in values.items():
                if memory.inside is not None and holds(each, memory.inside):
                    return Change(other.describe(name), is_random)

        return Change(memory.describe(key), is_random)

    def restore(self) -> None:
        """Put everything back."""
        set_shared_states(self._random)
        for memory, value in zip(self._memories, self._values, strict=True):
            if not _is_same(memory.read(), value):
                memory.write(value)


def _contents_inside(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the contents of those values that can change while they are the same objects."""
    contents = {}
    for key, value in itertools.islice(values.items(), LONG):
        if changes_inside(value):
            contents[key] = content(value)

    return contents


def _first_difference(
    before: Mapping[Any, Any], contents: Mapping[Any, Any], now: Mapping[Any, Any]
) -> Any:
    """Return the first key whose value has another content now.

    Most values are the same objects as before, whose contents need no look.

    Arguments:
        before: The values as they were.
        contents: The contents that those had which can change inside.
        now: The values as they are.
    """
    for key, value in itertools.islice(before.items(), LONG):
        if key not in now:
            return key

        may_differ = key in contents or now[key] is not value
        if not may_differ:
            continue

        was = contents[key] if key in contents else content(value)
        if content(now[key]) != was:
            return key

    if len(now) != len(before):
        for key in (*now, *before):
            if key not in before or key not in now:
                return key

    return _NOTHING


def _is_same(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    """Return whether two mappings hold the same objects under the same keys."""
    if one.keys() != other.keys():
        return False

    return all(value is other[key] for key, value in one.items())
