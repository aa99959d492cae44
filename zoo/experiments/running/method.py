"""How a contestant is fitted: its engine, the rates to choose from, its batches and epochs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

RATES = (1e-3, 3e-3, 1e-2)
MakeEngine = Callable[..., Any]  # an engine; a `functools.partial` has its options


@dataclass(frozen=True)
class Length:
    """How long a fit is: a number of gradient steps, of which an epoch has some."""

    num_steps: int
    per_epoch: int

    @property
    def num_epochs(self) -> int:
        """The number of whole epochs."""
        return max(1, round(self.num_steps / self.per_epoch))


@dataclass(frozen=True)
class Method:
    """How a contestant is fitted.

    Arguments:
        epochs: Number of passes through the data, if the budget allows them.
        engine: Makes the engine, called as `engine(model, lr=, checkpoint=, progress=)`
            and, if it has such arguments, with `guide`, with an earlier posterior as
            `init`, and with `num_steps` or else `num_epochs`. `SVI`, `IVON`, the samplers
            with batches and the averages of weights are such functions, and a
            `functools.partial` of them has their options.
        rates: Learning rates to choose from, the best one by validation NLL. If it is
            the smallest or the largest of them, others beyond it are tried too. One
            alone is used without trials. `SVI` alone has a rate that falls to zero.
        batch_size: Number of data in a batch; a loader has its own.
        published_epochs: Number of passes of a run with the published number of epochs;
            `epochs` by default.
        min_epochs: The number of epochs below which the budget is too short. An engine
            that counts epochs must be able to run for so many.
    """

    epochs: float
    engine: MakeEngine = SVI
    rates: Sequence[float] = RATES
    batch_size: int = 512
    published_epochs: float | None = None
    min_epochs: float = 1.0

    @property
    def counts_epochs(self) -> bool:
        """Whether the engine runs for whole epochs, not for any number of steps."""
        return not self.takes("num_steps")

    @property
    def whole_epochs(self) -> int:
        """The least number of whole epochs."""
        return max(1, math.ceil(self.min_epochs))

    def epochs_of(self, full: bool) -> float:
        """Return the number of epochs, of a run with the published number or of another."""
        if full and self.published_epochs is not None:
            return self.published_epochs

        return self.epochs

    def takes(self, name: str) -> bool:
        """Return whether what makes the engine has an argument of a name."""
        make = self.engine
        while isinstance(make, partial):
            make = make.func

        make = make.__init__ if isinstance(make, type) else make

        return name in inspect.signature(make).parameters

    def make(
        self,
        model: BayesianNetwork,
        guide: PyroProgram | None,
        length: Length,
        *,
        lr: float,
        checkpoint: Path | None,
        progress: bool,
        init: Posterior | None = None,
    ) -> Any:
        """Return the engine of one fit.

        Arguments:
            model: The model.
            guide: The guide, for an engine that takes one.
            length: The length of the fit.
            lr: The learning rate of the first step.
            checkpoint: File from which an interrupted fit is resumed; None for none.
            progress: Whether to show a progress bar.
            init: An earlier posterior, for an engine that takes one when it is made.
        """
        options: dict[str, Any] = {}
        if self.takes("guide"):
            options["guide"] = guide

        if init is not None and self.takes("init"):
            options["init"] = init

        if self.counts_epochs:
            options["num_epochs"] = length.num_epochs
        else:
            options["num_steps"] = length.num_steps

        return self.engine(
            model, lr=lr, checkpoint=checkpoint, progress=progress, **options
        )
