"""The protocol of an inference engine."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from zoo.data import Data
from zoo.posterior.posterior import Posterior


@runtime_checkable
class Engine(Protocol):
    """Fits a model to data: `SVI`, `HMC`, `NUTS`, `Laplace` and any of your own.

    Example:
        >>> class Known:  # an engine of your own
        ...     def fit(self, data):
        ...         return zoo.references.load("linear").posterior
        >>> isinstance(Known(), inference.Engine), isinstance(inference.NUTS(model), Engine)
        (True, True)
    """

    def fit(self, data: Data) -> Posterior:
        """Return the posterior given the data.

        Arguments:
            data: A pair (x, y) of tensors, a part of a `Dataset`, or a `DataLoader`.
        """
        ...
