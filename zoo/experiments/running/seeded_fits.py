"""Fits of one model from one seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pyro
import torch
from torch.utils.data import DataLoader

from zoo.data import Data, batches
from zoo.experiments.running.method import Length, Method
from zoo.inference.fingerprint import (
    describe_data,
    describe_guide,
    fixed_random_numbers,
)
from zoo.model import BayesianNetwork
from zoo.posterior.model_description import describe_model
from zoo.posterior.posterior import Posterior
from zoo.runtime.description.digest import digest
from zoo.runtime.description.objects import describe_value
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram

Build = Callable[[], tuple[BayesianNetwork, PyroProgram | None]]


@dataclass(frozen=True)
class SeededFits:
    """Fits of a model that is made anew for each, always from the same seed.

    Arguments:
        build: Makes the model and the guide.
        train: The training data.
        method: How the model is fitted.
        seed: Seed of all random numbers.
        progress: Whether to show progress bars.
        init: An earlier posterior, at which each fit starts; None for none.
    """

    build: Build
    train: Data
    method: Method
    seed: int
    progress: bool
    init: Posterior | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Number of gradient steps in one pass through the data."""
        if isinstance(self.train, DataLoader):
            num_data = len(self.train.dataset)
        else:
            num_data = len(self.train[0])

        return -(-num_data // self.method.batch_size)

    def possible_steps(self, num_steps: float) -> int:
        """Return the number of steps of a fit that may have so many; if need be, whole epochs."""
        if not self.method.counts_epochs:
            return max(1, round(num_steps))

        epochs = math.floor(num_steps / self.steps_per_epoch)

        return max(epochs, self.method.whole_epochs) * self.steps_per_epoch

    def build_seeded(self) -> tuple[BayesianNetwork, PyroProgram | None]:
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
        if guide is not None:
            words |= describe_guide(ScopedGuide(guide), model.network)

        if self.init is not None:
            with fixed_random_numbers():
                words["init"] = digest(self.init.sample(1).values())

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
            num_steps: Number of gradient steps; see `possible_steps`.
            checkpoint: File from which an interrupted fit is resumed; None for none.
            quiet: Whether to hide the progress bar.

        Raises:
            BaseException: Ctrl-C, or an error of the program, that ended the fit early.
        """
        method, init = self.method, self.init
        model, guide = self.build_seeded()
        engine = method.make(
            model,
            guide,
            Length(num_steps, self.steps_per_epoch),
            lr=learning_rate,
            checkpoint=checkpoint,
            progress=self.progress and not quiet,
            init=init,
        )
        options: dict[str, object] = {}
        if not isinstance(self.train, DataLoader):
            options["batch_size"] = method.batch_size
        if init is not None and not method.takes("init"):
            options["init"] = init

        posterior = engine.fit(self.train, **options)
        error = posterior.info.error
        if error is not None:
            raise error  # half a fit is no result; its checkpoint continues it

        return posterior

    def run_briefly(
        self, learning_rate: float, num_steps: int
    ) -> tuple[Posterior, int]:
        """Return the posterior after about so many steps, and their number.

        An engine that counts epochs sees only a few batches of the data.
        """
        method = self.method
        if not method.counts_epochs:
            return self.run(learning_rate, num_steps, quiet=True), num_steps

        num_batches = math.ceil(num_steps / method.whole_epochs)
        few = replace(self, train=_first(self.train, num_batches, method.batch_size))
        steps = few.possible_steps(1)

        return few.run(learning_rate, steps, quiet=True), steps


def _first(train: Data, num_batches: int, batch_size: int) -> Data:
    """Return the data of the first batches."""
    if not isinstance(train, DataLoader):
        x, y = train
        return x[: num_batches * batch_size], y[: num_batches * batch_size]

    x, y = zip(*islice(train, num_batches), strict=True)

    return torch.cat(x), torch.cat(y)
