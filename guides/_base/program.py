"""The type of a Pyro model, as a guide sees it."""

from __future__ import annotations

from typing import Any, Protocol


class PyroModel(Protocol):
    """A Pyro model: a callable that states its latent sites by `pyro.sample` when it runs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model."""
        ...
