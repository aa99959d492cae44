"""How a contestant is fitted: its engine, the rates to choose from, its batches and epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zoo.inference import IVON, SVI
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram

RATES = (1e-3, 3e-3, 1e-2)


class MakeEngine(Protocol):
    """What makes the engine of a fit; a `functools.partial` has its options."""

    def __call__(
        self,
        model: BayesianNetwork,
        guide: PyroProgram,
        *,
        num_steps: int,
        lr: float,
        checkpoint: Path | None,
        progress: bool,
    ) -> SVI:
        """Return the engine of one fit."""
        ...


def ivon(model: BayesianNetwork, guide: PyroProgram, **options: Any) -> IVON:
    """Return `IVON`, which has a guide of its own: `MeanField`, as the second argument is."""
    return IVON(model, **options)


@dataclass(frozen=True)
class Method:
    """How a contestant is fitted.

    Arguments:
        epochs: Number of passes through the data, if the budget allows them.
        engine: Makes the engine; a `functools.partial` has its options. `SVI` alone has
            a rate that falls to zero.
        rates: Learning rates to choose from, the best one by validation NLL. If it is
            the smallest or the largest of them, others beyond it are tried too. One
            alone is used without trials.
        batch_size: Number of data in a batch; a loader has its own.
        published_epochs: Number of passes of a run with the published number of epochs;
            `epochs` by default.
        min_epochs: The number of epochs below which the budget is too short.
    """

    epochs: float
    engine: MakeEngine = SVI
    rates: Sequence[float] = RATES
    batch_size: int = 512
    published_epochs: float | None = None
    min_epochs: float = 1.0

    def epochs_of(self, full: bool) -> float:
        """Return the number of epochs, of a run with the published number or of another."""
        if full and self.published_epochs is not None:
            return self.published_epochs

        return self.epochs
