"""The options that a guide was made with, kept beside it so that a file can name them."""

from __future__ import annotations

import inspect
from typing import Any, Self

_NO_OPTIONS = {"self", "model", "example"}


class HasOptions:
    """A base of guides, which keeps what a guide was made with besides the model.

    Attributes:
        constructed_with: The options by name, defaults included. A function without a
            public name, such as a lambda, is left out, so that guides can be pickled.

    Example:
        >>> guides.MeanField(model, init_scale=0.1).constructed_with
        {'init_scale': 0.1, 'max_scale': None}
    """

    constructed_with: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make the guide, and keep its options."""
        new = super().__new__(cls)
        options = _options(cls, (new, *args), kwargs)
        object.__setattr__(new, "constructed_with", options)

        return new


def _options(
    family: type, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the options by name; {} of a copy, which gets its attributes afterwards."""
    try:
        bound = inspect.signature(family.__init__).bind(*args, **kwargs)
    except TypeError:
        return {}

    bound.apply_defaults()
    options = {}
    for name, value in bound.arguments.items():
        if name not in _NO_OPTIONS and not _is_local(value):
            options[name] = value

    return options


def _is_local(value: Any) -> bool:
    """Return whether a value is a function that cannot be found by its name."""
    is_function = inspect.isfunction(value)
    return inspect.ismethod(value) or (is_function and "<" in value.__qualname__)
