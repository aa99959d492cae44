"""The interface of Pyro programs: what an engine needs of a model or a guide."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class PyroProgram(Protocol):
    """A model or a guide: called with the data, or without them for the latent sites alone."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program."""
        ...
