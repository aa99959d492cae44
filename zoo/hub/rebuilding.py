"""Objects from JSON, of the allowed classes alone: no code of a file is ever executed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zoo.hub.allowed import allowed
from zoo.hub.describing import Json

_DTYPES = ("float16", "bfloat16", "float32", "float64", "int32", "int64", "bool")
_OF_OTHER_JSON = (KeyError, TypeError, RuntimeError, AttributeError, OverflowError)
_DEEPEST = 50  # objects inside objects


def rebuilt(text: Json, depth: int = 0) -> Any:
    """Return the object that JSON of `described` stands for.

    Arguments:
        text: The JSON, as `json.loads` returns it.
        depth: How many objects it is inside of.

    Raises:
        ValueError: A name that is not allowed, or JSON that `described` does not write.

    Example:
        >>> from zoo.hub.rebuilding import rebuilt
        >>> rebuilt({"make": "torch.nn.Softplus", "arguments": {"beta": 2.0}})
        Softplus(beta=2.0, threshold=20.0)
    """
    if depth > _DEEPEST:
        raise ValueError(f"a file nests more than {_DEEPEST} objects; it was changed")
    if text is None or isinstance(text, (str, int, float, bool)):
        return text
    if isinstance(text, list):
        return [rebuilt(part, depth + 1) for part in text]

    for key, read in _READERS.items():
        if isinstance(text, Mapping) and key in text:
            try:
                return read(text, depth + 1)
            except _OF_OTHER_JSON as error:
                raise ValueError(_changed(text)) from error

    raise ValueError(_changed(text))


def arguments_of(text: Json, depth: int = 0) -> dict[str, Any]:
    """Return the arguments of a described object by name.

    Raises:
        ValueError: JSON that describes no arguments.
    """
    arguments = text.get("arguments")
    if not isinstance(arguments, dict):
        raise ValueError(_changed(text))

    return {name: rebuilt(part, depth) for name, part in arguments.items()}


def _changed(text: Json) -> str:
    """Return the message about JSON that `described` does not write."""
    return f"a file has {str(text)[:200]}, which stands for no object; it was changed"


def make(name: str, build: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call an allowed class or function; a wrong call is a `ValueError`."""
    try:
        return build(*args, **kwargs)
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError) as error:
        raise ValueError(f"{name} cannot be built from the file: {error}") from error


def _made(text: Json, depth: int) -> Any:
    name = text["make"]
    build = allowed(name)
    if "layers" in text:
        return _container(build, text["layers"], depth)

    return make(name, build, **arguments_of(text, depth))


def _container(build: Any, layers: Json, depth: int) -> nn.Module:
    named = OrderedDict((str(name), rebuilt(layer, depth)) for name, layer in layers)
    if build is nn.Sequential:
        return make("torch.nn.Sequential", build, named)
    if build is nn.ModuleList:
        return make("torch.nn.ModuleList", build, list(named.values()))

    raise ValueError(
        f"a file gives layers to {build!r}, which takes none; it was changed"
    )


def _partial(text: Json, depth: int) -> Any:
    first = [rebuilt(part, depth) for part in text["first"]]
    return partial(allowed(text["partial"]), *first, **arguments_of(text, depth))


def _mapping(text: Json, depth: int) -> dict[Any, Any]:
    found = {}
    for key, part in text["mapping"]:
        found[rebuilt(key, depth)] = rebuilt(part, depth)

    return found


def _tensor(text: Json, depth: int) -> Tensor:
    dtype = _dtype(text["dtype"])
    values = make("a tensor", torch.tensor, text["tensor"], dtype=dtype)
    return values.reshape(text["shape"])


def _full(text: Json, depth: int) -> Tensor:
    value = torch.tensor(text["full"], dtype=_dtype(text["dtype"]))
    return value.expand(text["shape"])


def _dtype(name: Any) -> torch.dtype:
    if name not in _DTYPES:
        raise ValueError(f"a file has numbers of dtype {name!r}; it was changed")

    return getattr(torch, name)


_READERS: dict[str, Callable[[Json, int], Any]] = {
    "make": _made,
    "partial": _partial,
    "mapping": _mapping,
    "tensor": _tensor,
    "full": _full,
    "tuple": lambda text, depth: tuple(rebuilt(part, depth) for part in text["tuple"]),
    "name": lambda text, depth: allowed(text["name"]),
    "dtype": lambda text, depth: _dtype(text["dtype"]),
    "float": lambda text, depth: float(text["float"]),
}
