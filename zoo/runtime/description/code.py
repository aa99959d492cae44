"""The code of a user's functions and classes, as a hash that is the same in every process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType

from zoo.runtime.description.digest import digest_text

_OUR_OWN = {"zoo", "guides"}
_INSTALLED = ("site-packages", "dist-packages")


def is_users(module_name: str | None) -> bool:
    """Return whether a module is the user's own, and not of Python, the zoo or a package.

    Code of packages counts by its name alone.
    """
    if module_name is None or module_name == "__main__":
        return True

    package = module_name.partition(".")[0]
    if package in _OUR_OWN or package in sys.stdlib_module_names:
        return False

    module = sys.modules.get(module_name)
    path = getattr(module, "__file__", None)
    if path is None:
        return module is None or not hasattr(module, "__spec__")

    return not any(folder in path for folder in _INSTALLED)


def digest_code(code: CodeType) -> str:
    """Return a hash of what code does: its instructions, names and constants.

    Line numbers, comments and the name of the file do not count. Instructions differ
    between versions of Python.
    """
    return digest_text(" ".join(_words(code)))


def _words(code: CodeType) -> Iterator[str]:
    """Yield everything in code that decides about its results."""
    yield code.co_code.hex()
    yield from code.co_names
    yield from code.co_varnames
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)
        elif isinstance(constant, frozenset):
            yield repr(sorted(map(repr, constant)))
        else:
            yield repr(constant)
