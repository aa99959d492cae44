"""What the diagnostics read of a reference posterior that is known at fixed inputs."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from zoo.datasets import Dataset
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior


class KnownPosterior(Protocol):
    """A posterior that is known at fixed inputs; `zoo.references` has them."""

    @property
    def posterior(self) -> Posterior:
        """The posterior of all runs together."""
        ...

    @property
    def model(self) -> BayesianNetwork:
        """The model."""
        ...

    @property
    def inputs(self) -> Tensor:
        """Inputs (M, ...) at which functions are known."""
        ...

    @property
    def away(self) -> Tensor:
        """Which of the inputs lie away from the data, (M,)."""
        ...

    @property
    def targets(self) -> Tensor | None:
        """Held-out targets (K, ...) of the first K inputs."""
        ...

    @property
    def data(self) -> Dataset:
        """The data set."""
        ...

    @property
    def log_evidence(self) -> float | None:
        """Log p(y | x) in nats, if it is known exactly."""
        ...
