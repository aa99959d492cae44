"""The interface of engines: what every one of them can do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from zoo.data import Data
from zoo.posterior.posterior import Posterior


@runtime_checkable
class Engine(Protocol):
    """Fits a model to data: `SVI`, `HMC`, `NUTS`, `Laplace` and any of your own."""

    def fit(self, data: Data) -> Posterior:
        """Return the posterior given data: tensors (x, y), a `Dataset`'s part or a `DataLoader`."""
        ...
