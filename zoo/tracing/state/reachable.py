"""What can be reached from a program in Python: the places where it can remember something."""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from zoo.runtime.caller import is_library
from zoo.tracing.state.contents import LONG
from zoo.tracing.state.generators import is_generator
from zoo.tracing.state.memory import (
    Attributes,
    Cell,
    ClassAttributes,
    Elements,
    GeneratorState,
    Memory,
    Variables,
)

_MOST = 20_000  # values that are visited
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)
_MUTABLE = (list, dict, set, deque)


def memories_of(program: Callable[..., Any]) -> list[Memory]:
    """Return the places where a program can remember something.

    They are found from the program by its functions, objects and containers. Objects of
    libraries other than modules of torch are not searched.

    Arguments:
        program: The program.
    """
    found: list[Memory] = []
    kept: dict[
        int, Any
    ] = {}  # by identity; each is kept, so that no other gets its identity
    to_visit: list[Any] = [program]

    while to_visit and len(kept) < _MOST:
        value = to_visit.pop()
        if id(value) in kept or isinstance(value, (Tensor, str, bytes, int, float)):
            continue

        kept[id(value)] = value
        for part in _parts(value):
            if isinstance(part, Memory):
                found.append(part)
            else:
                to_visit.append(part)

    for value in to_visit:  # beyond the most that are visited
        if isinstance(value, _MUTABLE) and id(value) not in kept:
            found.append(Elements(value))

    return found


def _parts(value: Any) -> Iterator[Any]:
    """Give the memories of one value, and the values to visit next."""
    if is_generator(value):
        yield GeneratorState(value)
    elif isinstance(value, types.FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, types.MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, types.BuiltinMethodType):
        yield value.__self__
    elif isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, _CONTAINERS):
        yield from _parts_of_container(value)
    elif isinstance(value, type):
        yield from _parts_of_class(value)
    elif not isinstance(value, types.ModuleType):
        yield from _parts_of_object(value)


def _parts_of_function(function: types.FunctionType) -> Iterator[Any]:
    """Give the variables that a function shares with others, and their values."""
    for name, cell in zip(
        function.__code__.co_freevars, function.__closure__ or (), strict=True
    ):
        yield Cell(name, cell)
        with_value = Cell(name, cell).read()
        yield from with_value.values()

    yield function.__defaults__
    yield function.__kwdefaults__

    if _is_our_module(function.__globals__.get("__name__", "")):
        return

    yield vars(function)

    if is_library(function.__code__.co_filename):
        return

    names = set(_names(function.__code__))
    spaces = [function.__globals__]
    for name in names:
        module = function.__globals__.get(name)
        if isinstance(module, types.ModuleType) and not _is_library_module(module):
            spaces.append(vars(module))

    for space in spaces:
        here = sorted(names & space.keys())
        yield Variables(space, here)
        yield from [space[name] for name in here]


def _parts_of_container(container: Any) -> Iterator[Any]:
    """Give a container that can change, and its elements."""
    if isinstance(container, _MUTABLE):
        yield Elements(container)

    values = container.values() if isinstance(container, dict) else container
    yield from itertools.islice(list(values), LONG)


def _parts_of_class(kind: type) -> Iterator[Any]:
    """Give the attributes of a class that is not part of a library."""
    if _is_ours(kind) or _is_library_class(kind):
        return

    yield ClassAttributes(kind)

    for value in vars(kind).values():
        function = getattr(value, "__func__", value)  # of a static or a class method
        yield function.fget if isinstance(function, property) else function

    yield from kind.__bases__


def _parts_of_object(value: Any) -> Iterator[Any]:
    """Give the attributes of a module, or of an object that is not part of a library."""
    kind = type(value)
    if _is_library_class(kind) and not isinstance(value, nn.Module):
        return

    attributes = inspect.getattr_static(value, "__dict__", None)
    if attributes is None:
        return

    own = vars(value)
    if not _is_ours(kind):
        yield Attributes(value)

    # elements of the dictionary of a module are memories of their own
    yield from list(own.values())
    yield kind


def _names(code: types.CodeType) -> Iterator[str]:
    """Give the names of variables and attributes in a function, and in functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _is_ours(kind: type) -> bool:
    """Return whether a class is one of this package, or of `guides`."""
    return _is_our_module(kind.__module__)


def _is_our_module(name: str) -> bool:
    """Return whether a module of this name is part of this package, or of `guides`."""
    return name.partition(".")[0] in ("zoo", "guides")


def _is_library_class(kind: type) -> bool:
    """Return whether a class is one of Python or of an installed package other than ours."""
    if _is_ours(kind):
        return False

    module = sys.modules.get(kind.__module__)

    return module is None or _is_library_module(module)


def _is_library_module(module: types.ModuleType) -> bool:
    """Return whether a module is one of Python or of an installed package."""
    if module.__name__ == "__main__":
        return False

    file = getattr(module, "__file__", None)

    return file is None or is_library(file)
