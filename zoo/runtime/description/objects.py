"""Objects as text: what they are made of, the same in every process, for comparisons of runs."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from functools import _lru_cache_wrapper as lru_cache_wrapper
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Transform

from zoo.runtime.description.code import digest_code, is_users
from zoo.runtime.description.constants import describe_tensor
from zoo.runtime.description.digest import digest_array, digest_text
from zoo.runtime.description.members import attributes_of, function_of
from zoo.runtime.description.parameters import parameters_of
from zoo.runtime.description.read_by import decides, globals_read
from zoo.runtime.recorded import RECORD

_LONGEST = 200  # characters of a description
_MANY = 100  # elements of a collection that is described by its hash
_DEEPEST = 8  # objects inside objects

_PLAIN = (bool, int, float, complex, str, bytes, type(None), range, slice, type(...))
_NAMED = (torch.dtype, torch.device, torch.Size, torch.layout, PurePath, Enum)
_BUILT_IN = (types.BuiltinFunctionType, np.ufunc, types.MethodDescriptorType)
_MEMORY = {"_has_warned"}  # attributes that say what was done before
_OF_MODULES = {
    *vars(nn.Module()),
    "_flat_weights",
    *RECORD,
}  # attributes that modules of torch have


def describe_value(value: object) -> str:
    """Return a text that is equal for equal values, and in most cases only for them.

    A tensor counts by its values, a distribution by its class and parameters, a module by
    its structure and options (not by its parameters), a function by its code, the values
    that it closes over and the plain globals that it uses, any other object by its class
    and attributes. What a function reads elsewhere, such as a file, does not count.

    Arguments:
        value: Any object.

    Example:
        >>> from zoo.runtime.description.objects import describe_value
        >>> describe_value(dist.Normal(0.0, 0.01))
        'Normal(0, 0.01)'
        >>> describe_value(nn.Linear(2, 5))
        'Linear(in_features=2, out_features=5)'
    """
    return shortened(_Description().text(value))


def describe_parts(module: nn.Module) -> dict[str, str]:
    """Return the text of a module and of each module in it, by name; its own name is ""."""
    description = _Description()
    found = {}
    for name, part in module.named_modules(remove_duplicate=False):
        text = description.module(part)
        is_kept_from_training = module.training and not part.training
        found[name] = shortened(text) + (", eval()" if is_kept_from_training else "")

    return found


def shortened(text: str) -> str:
    """Return a text, or its beginning and its hash if it is long."""
    if len(text) <= _LONGEST:
        return text

    return f"{text[: _LONGEST // 2]}... ({digest_text(text)})"


class _Description:
    """Writes objects as text; an object inside of itself is written as dots."""

    def __init__(self) -> None:
        self._open: list[int] = []  # objects that are being described
        self._classes: dict[type, str] = {}

    def text(self, value: object) -> str:
        """Return any object as text."""
        if isinstance(value, np.generic):
            value = value.item()

        if isinstance(value, Enum) or not isinstance(value, _PLAIN):
            if id(value) in self._open or len(self._open) == _DEEPEST:
                return "..."

            self._open.append(id(value))
            text = self._text(value)
            self._open.pop()
            return text

        return repr(value)

    def _text(self, value: Any) -> str:
        for kinds, method in _WRITERS:
            if isinstance(value, kinds):
                return method(self, value)

        return self._object(value)

    def _named(self, value: object) -> str:
        return str(value)

    def _parameter(self, value: nn.Parameter) -> str:
        return f"parameter {tuple(value.shape)}"

    def _tensor(self, value: Tensor) -> str:
        return describe_tensor(value)

    def _array(self, value: np.ndarray) -> str:
        return f"array {value.shape} {digest_array(value)}"

    def _collection(self, value: Collection[object]) -> str:
        is_many = len(value) > _MANY
        if is_many and all(type(element) in _PLAIN for element in value):
            texts = [repr(element) for element in value]
        else:
            texts = [self.text(element) for element in value]

        if isinstance(value, (set, frozenset)):
            texts.sort()

        if is_many:
            return f"{len(value)} elements {digest_text(' '.join(texts))}"

        return f"{_name_unless_builtin(value)}[{', '.join(texts)}]"

    def _mapping(self, value: Mapping[object, object]) -> str:
        pairs = [f"{self.text(key)}: {self.text(part)}" for key, part in value.items()]
        return "{" + ", ".join(pairs) + "}"

    def _distribution(self, value: Distribution) -> str:
        if isinstance(value, Independent):
            return self.text(value.base_dist)

        texts = [self.text(part) for part in parameters_of(value)]
        return f"{self._class(type(value))}({', '.join(texts)})"

    def _transform(self, value: Transform) -> str:
        parts = {name: part for name, part in vars(value).items() if name[0] != "_"}
        return f"{self._class(type(value))}({self._pairs(parts)})"

    def _partial(self, value: partial) -> str:
        arguments = [self.text(value.func), *map(self.text, value.args)]
        if value.keywords:
            arguments.append(self._pairs(value.keywords))

        return f"partial({', '.join(arguments)})"

    def _function(self, value: types.FunctionType) -> str:
        code = value.__code__
        inside: dict[str, object] = {}
        for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True):
            if cell != types.CellType():  # one without contents
                inside[name] = cell.cell_contents

        if value.__defaults__ or value.__kwdefaults__:
            inside["defaults"] = (value.__defaults__, value.__kwdefaults__)

        if not is_users(value.__module__):
            return f"{value.__qualname__}({self._pairs(inside)})"

        inside |= globals_read(value)
        parts = [f"code {digest_code(code)}", self._pairs(inside)]
        return f"{value.__qualname__}({', '.join(filter(None, parts))})"

    def _method(self, value: types.MethodType) -> str:
        return f"{self.text(value.__self__)}.{value.__func__.__name__}"

    def _builtin(self, value: Callable) -> str:
        return getattr(value, "__qualname__", type(value).__name__)

    def _class(self, value: type) -> str:
        """Return the name of a class, and the hash of its code if it is the user's."""
        if value not in self._classes:
            self._classes[value] = value.__qualname__  # also while it is described
            code = self._code_of_class(value)
            if code:
                hashed = digest_text(code)
                self._classes[value] = f"{value.__qualname__}[code {hashed}]"

        return self._classes[value]

    def _code_of_class(self, value: type) -> str:
        words = []
        for base in value.__mro__:
            if not is_users(base.__module__) or base is object:
                continue

            for name, member in vars(base).items():
                function = function_of(member)
                if isinstance(function, types.FunctionType):
                    words.append(f"{name} {self._function(function)}")
                elif decides(member) and not name.startswith("__"):
                    words.append(f"{name} {self.text(member)}")

        return " ".join(words)

    def module(self, value: nn.Module) -> str:
        """Return the class and the options of a module, without its submodules."""
        if isinstance(value, torch.jit.ScriptModule):
            return f"{value.original_name}[code {digest_text(value.code)}]"

        is_own = is_users(type(value).__module__)
        options = {}
        for name, part in vars(value).items():
            is_derived = name in _OF_MODULES or (name[0] == "_" and not is_own)
            if not is_derived and not _has_parameters(part):
                options[name] = part

        hooks = [*value._forward_pre_hooks.values(), *value._forward_hooks.values()]
        if hooks:
            options["hooks"] = hooks

        return f"{self._class(type(value))}({self._pairs(options)})"

    def _whole_module(self, value: nn.Module) -> str:
        parts = {}
        for name, part in value.named_modules(remove_duplicate=False):
            parts[name] = self.module(part)

        own = parts.pop("")
        return f"{own} of {digest_text(repr(parts))}" if parts else own

    def _object(self, value: object) -> str:
        """Return the class and the attributes of an object."""
        name = self._class(type(value))
        attributes = attributes_of(value)
        if not attributes:
            return name

        parts = {key: part for key, part in attributes.items() if key not in _MEMORY}
        return f"{name}({self._pairs(parts)})"

    def _cached(self, value: Any) -> str:
        return f"cached {self.text(value.__wrapped__)}"

    def _pairs(self, values: Mapping[str, object]) -> str:
        texts = [f"{name}={self.text(part)}" for name, part in values.items()]
        return ", ".join(texts)


_WRITERS: list[tuple[Any, Callable[[_Description, Any], str]]] = [
    (_NAMED, _Description._named),
    (nn.Parameter, _Description._parameter),
    (Tensor, _Description._tensor),
    (np.ndarray, _Description._array),
    ((list, tuple, set, frozenset), _Description._collection),
    (dict, _Description._mapping),
    (Distribution, _Description._distribution),
    (Transform, _Description._transform),
    (partial, _Description._partial),
    (types.FunctionType, _Description._function),
    (types.MethodType, _Description._method),
    (lru_cache_wrapper, _Description._cached),
    (_BUILT_IN, _Description._builtin),
    (type, _Description._class),
    (nn.Module, _Description._whole_module),
    (types.ModuleType, lambda _, module: module.__name__),
]


def _name_unless_builtin(value: object) -> str:
    kind = type(value)
    return "" if kind in (list, tuple, set, frozenset) else kind.__qualname__


def _has_parameters(value: object) -> bool:
    """Return whether an attribute of a module holds parameters, which are described elsewhere."""
    parts: Iterable[object] = value if isinstance(value, (list, tuple)) else (value,)
    return any(isinstance(part, nn.Parameter) for part in parts)
