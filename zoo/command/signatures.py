"""Options that a function takes, and an error for options that no function takes."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def accepted(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """Keep the options that a function has an argument for and that are not None."""
    known = inspect.signature(function).parameters
    kept = {}
    for name, value in options.items():
        if name in known and value is not None:
            kept[name] = value
    return kept


def refuse_unknown(
    names: Iterable[str], functions: Iterable[Callable[..., Any]]
) -> None:
    """Refuse names that are an argument of none of the functions.

    Raises:
        ValueError: Names the setting and the nearest argument.
    """
    known: list[str] = []
    for function in functions:
        for name in inspect.signature(function).parameters:
            if name not in known:
                known.append(name)

    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"--set: there is no argument {name!r}; the nearest is {nearest!r} "
                f"(all: {', '.join(known)})"
            )
