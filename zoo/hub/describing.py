"""Objects as JSON: the name of a public class, and its arguments, without any code."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.hub.allowed import name_of
from zoo.runtime.description.constants import describe_constant
from zoo.runtime.recorded import ARGUMENTS, MAKER, Unnamed

Json = Any  # what `json.dumps` takes

_MOST_NUMBERS = 10_000  # of a tensor in a description
_PLAIN = (str, int, bool, type(None))
_NO_ARGUMENTS = {"self", "device", "dtype", "validate_args"}
_CONTAINERS = (nn.Sequential, nn.ModuleList)  # whose layers have names, not arguments
_KEPT_AS = {"base_distribution": "base_dist"}  # arguments under other names
_ABSENT = object()


class NotDescribed(ValueError):
    """An object that no file can name; the message says which."""


def described(value: Any) -> Json:
    """Return an object as JSON, from which `rebuilt` makes an equal one.

    Arguments:
        value: Numbers, texts, collections, tensors of at most 10,000 numbers; classes,
            functions and objects of the public names of `zoo.hub.allowed`.

    Raises:
        NotDescribed: Anything else, such as a lambda or a network of your own.

    Example:
        >>> from zoo.hub.describing import described
        >>> described(networks.MLP(6, 1, hidden=[]))["make"]
        'zoo.networks.MLP'
    """
    if isinstance(value, np.generic):
        value = value.item()

    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)

    return _object(value)


def _number(value: float) -> Json:
    return value if math.isfinite(value) else {"float": str(value)}


def _mapping(value: Mapping[Any, Any]) -> Json:
    pairs = [[described(key), described(part)] for key, part in value.items()]
    return {"mapping": pairs}


def _tensor(value: Tensor) -> Json:
    dtype = str(value.dtype).removeprefix("torch.")
    if value.numel() > 1 and describe_constant(value):
        first = value.flatten()[0].item()
        return {"full": first, "shape": list(value.shape), "dtype": dtype}

    if value.numel() > _MOST_NUMBERS:
        raise NotDescribed(
            f"an argument is a tensor of {value.numel():,} numbers, more than {_MOST_NUMBERS:,}"
        )

    numbers = value.detach().cpu()
    if not bool(torch.isfinite(numbers).all()):
        raise NotDescribed("an argument is a tensor with values that are not finite")

    return {"tensor": numbers.tolist(), "shape": list(value.shape), "dtype": dtype}


def _partial(value: partial) -> Json:
    arguments = {name: described(part) for name, part in value.keywords.items()}
    first = [described(part) for part in value.args]
    return {"partial": _name(value.func), "first": first, "arguments": arguments}


def _sequential(value: nn.Sequential | nn.ModuleList) -> Json:
    layers = [[name, described(layer)] for name, layer in value.named_children()]
    return {"make": name_of(type(value)), "layers": layers}


def _distribution(value: Distribution) -> Json:
    """Return a distribution by its arguments."""
    arguments = {name: described(part) for name, part in _attributes(value).items()}
    return {"make": _name(type(value)), "arguments": arguments}


def _object(value: Any) -> Json:
    """Return any other object by the arguments that it was made with or still has."""
    if type(value) in _CONTAINERS:
        return _sequential(value)

    make = vars(value).get(MAKER, type(value)) if hasattr(value, "__dict__") else None
    if make is None or name_of(make) is None:
        raise NotDescribed(
            f"{_words(value)} is no public class of zoo, guides or torch"
        )

    given = vars(value).get(ARGUMENTS)
    if given is None:
        given = _attributes(value)

    arguments = {name: described(part) for name, part in given.items()}
    return {"make": _name(make), "arguments": arguments}


def _attributes(value: Any) -> dict[str, Any]:
    """Return the arguments of a constructor that an object keeps under their names."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: getattr(value, field.name)
            for field in dataclasses.fields(value)
        }

    found = {}
    for name, parameter in inspect.signature(type(value)).parameters.items():
        if parameter.kind == parameter.VAR_POSITIONAL:
            raise NotDescribed(f"{_words(value)} takes arguments without names")

        is_set_aside = name in _NO_ARGUMENTS or _is_derived(value, name)
        is_packed = parameter.kind == parameter.VAR_KEYWORD
        if is_packed or is_set_aside or name[0] == "_":
            continue

        part = getattr(value, _KEPT_AS.get(name, name), _ABSENT)
        if part is _ABSENT and parameter.default is parameter.empty:
            raise NotDescribed(f"{_words(value)} does not keep its argument {name!r}")
        if isinstance(value, nn.Module) and name == "bias":
            part = part is not None and part is not False
        if part is not _ABSENT and not isinstance(part, nn.Parameter):
            found[name] = part

    return found


def _is_derived(value: Any, name: str) -> bool:
    """Return whether torch computes a parameter of a distribution from the one that was given."""
    own = vars(value)
    is_either = "_param" in own and name in ("probs", "logits")

    return is_either and own.get(name) is not own["_param"]


def _name(value: Any) -> str:
    """Return the public name of a class or function."""
    name = name_of(value)
    if name is None:
        raise NotDescribed(f"{_words(value)} is no public name of zoo, guides or torch")

    return name


def _words(value: Any) -> str:
    """Return what an error calls an object."""
    if isinstance(value, Unnamed):
        return f"the function {value.name}"

    return getattr(value, "__qualname__", type(value).__qualname__)


_WRITERS: list[tuple[Any, Callable[[Any], Json]]] = [
    (_PLAIN, lambda value: value),
    (float, _number),
    (tuple, lambda value: {"tuple": [described(part) for part in value]}),
    (list, lambda value: [described(part) for part in value]),
    (Mapping, _mapping),
    (torch.dtype, lambda value: {"dtype": str(value).removeprefix("torch.")}),
    (Tensor, _tensor),
    (partial, _partial),
    (Distribution, _distribution),
    ((type, FunctionType), lambda value: {"name": _name(value)}),
]
