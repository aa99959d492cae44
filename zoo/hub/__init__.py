"""Fitted posteriors to take home: their files, their cards, and how to share one's own.

`hub.list()` has the names of those in the package, and `hub.load(name)` loads one with its
model and guide. A hub is a folder, or a repository of Hugging Face.
"""

from __future__ import annotations  # `list` is a function here

from typing import TYPE_CHECKING, NoReturn

from zoo.hub.loading import card, load
from zoo.hub.loading import names as list
from zoo.hub.pushing import push
from zoo.runtime.other_names import missing

__all__ = ["card", "list", "load", "push"]

_OTHER_NAMES = {
    "download": "hub.load(name)",
    "names": "hub.list()",
    "publish": "hub.push(posterior, name, path=folder)",
    "save": "hub.push(posterior, name, path=folder)",
}


if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(__name__, name, __all__, _OTHER_NAMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__]
