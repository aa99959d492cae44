"""The error for a name that a package does not have; it says what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence


def missing(
    package: str, name: str, known: Sequence[str], other_names: Mapping[str, str]
) -> AttributeError:
    """Return the error for a name that a package does not have.

    Arguments:
        package: The name of the package, e.g. "zoo.priors".
        name: The name that was asked for.
        known: The public names of the package.
        other_names: What to write for the names that other libraries use.
    """
    message = f"module {package!r} has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(message)

    if name in other_names:
        return AttributeError(f"{message}; write {other_names[name]}")

    near = difflib.get_close_matches(name, known, n=3)
    if near:
        short = package.rpartition(".")[2]
        names = ", ".join(f"{short}.{each}" for each in near)
        return AttributeError(f"{message}; the nearest are {names}")

    names = ", ".join(known)

    return AttributeError(f"{message}; it has {names}")
