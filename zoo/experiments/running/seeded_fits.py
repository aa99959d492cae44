"""Fits of one model by one method, at a learning rate and for a number of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyro
from torch.utils.data import DataLoader

from zoo.data import Data, batches
from zoo.experiments.running.method import Method
from zoo.inference.fingerprint import describe_data, describe_guide
from zoo.model import BayesianNetwork
from zoo.posterior.model_description import describe_model
from zoo.posterior.posterior import Posterior
from zoo.runtime.description.objects import describe_value
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram

Build = Callable[[], tuple[BayesianNetwork, PyroProgram]]


@dataclass(frozen=True)
class SeededFits:
    """Fits of a model that is made anew for each, always from the same seed.

    Arguments:
        build: Makes the model and the guide.
        train: The training data.
        method: How the model is fitted.
        seed: Seed of all random numbers.
        progress: Whether to show progress bars.
    """

    build: Build
    train: Data
    method: Method
    seed: int
    progress: bool

    @property
    def steps_per_epoch(self) -> int:
        """Number of gradient steps in one pass through the data."""
        if isinstance(self.train, DataLoader):
            num_data = len(self.train.dataset)
        else:
            num_data = len(self.train[0])

        return -(-num_data // self.method.batch_size)

    def build_seeded(self) -> tuple[BayesianNetwork, PyroProgram]:
        """Return the model and the guide as they are before the first step."""
        pyro.set_rng_seed(self.seed)
        return self.build()

    def description(self) -> dict[str, str]:
        """Return what the fits are of, as text by name: model, guide, engine and data."""
        model, guide = self.build_seeded()
        is_loader = isinstance(self.train, DataLoader)
        batch_size = None if is_loader else self.method.batch_size
        data = batches(model, self.train, batch_size)

        words = {"engine": describe_value(self.method.engine)} | describe_model(model)
        words |= describe_guide(ScopedGuide(guide), model.network)
        return words | describe_data(data)

    def run(
        self,
        learning_rate: float,
        num_steps: int,
        *,
        checkpoint: Path | None = None,
        quiet: bool = False,
    ) -> Posterior:
        """Return the posterior after some steps.

        Arguments:
            learning_rate: The learning rate of the first step.
            num_steps: Number of gradient steps.
            checkpoint: File from which an interrupted fit is resumed; None for none.
            quiet: Whether to hide the progress bar.

        Raises:
            BaseException: Ctrl-C, or an error of the program, that ended the fit early.
        """
        model, guide = self.build_seeded()
        engine = self.method.engine(
            model,
            guide,
            num_steps=num_steps,
            lr=learning_rate,
            checkpoint=checkpoint,
            progress=self.progress and not quiet,
        )
        if isinstance(self.train, DataLoader):
            posterior = engine.fit(self.train)
        else:
            posterior = engine.fit(self.train, batch_size=self.method.batch_size)

        error = posterior.info.error
        if error is not None:
            raise error  # half a fit is no result; its checkpoint continues it

        return posterior
