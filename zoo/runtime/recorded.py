"""The arguments that an object was made with, kept beside it so that a file can name them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, Self, TypeVar

ARGUMENTS = "constructed_with"
MAKER = "constructed_by"
RECORD = {ARGUMENTS, MAKER}  # attributes that are no part of what an object computes

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Recorded:
    """A base of classes that do not keep all arguments of their constructor.

    Attributes:
        constructed_with: The arguments by name, defaults included.

    Example:
        >>> networks.MLP(6, 1, hidden=[10]).constructed_with["hidden"]
        [10]
    """

    constructed_with: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make the object, and keep the arguments."""
        new = super().__new__(cls)
        arguments = arguments_by_name(cls.__init__, (new, *args), kwargs)
        arguments.pop("self", None)
        object.__setattr__(new, ARGUMENTS, arguments)

        return new


def recorded(make: Callable[_P, _R]) -> Callable[_P, _R]:
    """Keep the function and its arguments in what it returns, as `Recorded` does for a class.

    Arguments:
        make: A function that returns a new object.
    """

    @functools.wraps(make)
    def made(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        new = make(*args, **kwargs)
        object.__setattr__(new, ARGUMENTS, arguments_by_name(make, args, kwargs))
        object.__setattr__(new, MAKER, made)

        return new

    return made


def arguments_by_name(
    make: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call by name; {} if they do not fit.

    They do not fit where a copy or a pickle makes an object without them; it gets the
    attributes of the first one, these included. A wrong call fails in the function itself.

    Arguments:
        make: The function that is called.
        args: Its arguments.
        kwargs: Its keyword arguments.
    """
    try:
        bound = inspect.signature(make).bind(*args, **kwargs)
    except TypeError:
        return {}

    bound.apply_defaults()
    return {name: _kept(value) for name, value in bound.arguments.items()}


def _kept(value: Any) -> Any:
    """Return an argument, or the name of a function that no file can name.

    Such a function cannot be pickled, and the objects that were made with it can.
    """
    name = getattr(value, "__qualname__", "")
    is_local = inspect.isfunction(value) and "<" in name
    if is_local or inspect.ismethod(value):
        return Unnamed(name)

    return value


class Unnamed:
    """Stands for a function without a public name, such as a lambda.

    Arguments:
        name: What Python calls it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name
