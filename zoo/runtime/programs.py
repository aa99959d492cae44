"""What a Pyro program is to an engine: something to call."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class PyroProgram(Protocol):
    """A model or a guide: run with the data, or without for the latent sites alone."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program."""
        ...
