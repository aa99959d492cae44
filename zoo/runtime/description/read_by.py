"""What a function's code reads from its module: the values that decide about its results."""

from __future__ import annotations

import argparse
import dis
import functools
import types
from collections.abc import Iterator

import numpy as np
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.runtime.description.code import is_users
from zoo.runtime.description.members import attributes_of

_VALUES = (bool, int, float, complex, str, bytes, type(None), range, slice)
_OBJECTS = (Tensor, np.ndarray, np.generic, Distribution, functools.partial)
_CODE = (types.FunctionType, type, functools._lru_cache_wrapper)
_CONTAINERS = (tuple, list, dict, set, frozenset)
_NAMESPACES = (types.SimpleNamespace, argparse.Namespace)
_READS = ("LOAD_GLOBAL", "LOAD_NAME")
_CHANGES = {"append", "extend", "add", "update", "setdefault", "pop", "clear"}


def globals_read(function: types.FunctionType) -> dict[str, object]:
    """Return what a function reads from its module, by name.

    Of a dictionary only the keys that the code names count, if it names any; of a namespace,
    a module or an object its attributes that the code names. What the code itself changes,
    such as a counter or a list that it appends to, does not count.

    Arguments:
        function: A function of the user.
    """
    code = function.__code__
    words = _Words(code)
    found: dict[str, object] = {}
    for name in sorted(words.globals & function.__globals__.keys()):
        value = function.__globals__[name]
        if _decides(value, words):
            found[name] = _part_read(value, words)

    return found


def decides(value: object) -> bool:
    """Return whether an attribute of a class is a value and not a part of its machinery."""
    return isinstance(value, (*_VALUES, *_OBJECTS, *_CONTAINERS))


class _Words:
    """The names and constants in code, those of inner functions included."""

    def __init__(self, code: types.CodeType) -> None:
        self.globals: set[str] = set()
        self.attributes: set[str] = set()
        self.constants: set[str] = set()
        changed: set[str] = set()
        self.changes_a_container = False
        for part in _codes(code):
            self.attributes |= set(part.co_names)
            self.constants |= {text for text in part.co_consts if isinstance(text, str)}
            for step in dis.get_instructions(part):
                if step.opname in _READS:
                    self.globals.add(step.argval)
                elif step.opname == "STORE_GLOBAL":
                    changed.add(step.argval)
                elif step.opname == "STORE_SUBSCR":
                    self.changes_a_container = True

        self.globals -= changed
        self.changes_a_container |= bool(self.attributes & _CHANGES)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _decides(value: object, words: _Words) -> bool:
    """Return whether a global that a function reads decides about its results."""
    if isinstance(value, _CODE):
        return is_users(value.__module__)
    if isinstance(value, types.ModuleType):
        return is_users(value.__name__)
    if isinstance(value, (list, dict, set)):
        return not words.changes_a_container
    if isinstance(value, (*_VALUES, *_OBJECTS, *_CONTAINERS, *_NAMESPACES)):
        return True

    return is_users(type(value).__module__) and not isinstance(value, nn.Module)


def _part_read(value: object, words: _Words) -> object:
    """Return the entries or attributes of a value that code names, or all of it."""
    if isinstance(value, dict):
        named = {key: value[key] for key in value if key in words.constants}
        return named or value

    is_object = is_users(type(value).__module__) and not isinstance(value, _CODE)
    if isinstance(value, types.ModuleType):
        return _attributes(value, words, is_module=True)
    if isinstance(value, _NAMESPACES):
        return _attributes(value, words)
    if is_object and not callable(value):
        return [type(value), _attributes(value, words)]

    return value


def _attributes(
    value: object, words: _Words, is_module: bool = False
) -> dict[str, object]:
    """Return the attributes of an object that code names, without its methods."""
    found = {}
    own = attributes_of(value)
    for name in sorted(words.attributes & own.keys()):
        attribute = own[name]
        if not is_module or _decides(attribute, words):
            found[name] = attribute

    return found
