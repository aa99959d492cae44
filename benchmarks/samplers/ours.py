"""The samplers of this package, taken up from a file for further draws."""

from __future__ import annotations

import shutil
import tempfile
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyro

from benchmarks.samplers.posteriors import Posterior
from benchmarks.samplers.run import PILOT, Budget, Cost
from zoo import inference

# options of our samplers, and what of them is not their default
OURS: dict[str, dict[str, Any]] = {
    "NUTS": {},
    "MAMS": {},
    "MCLMC": {},
    "MEADS": {},
    "ChEES": {},
}
LEAST_CHAINS = {"MEADS": 8, "ChEES": 4}  # fewer learn nothing from each other


class Ours:
    """One of our samplers.

    Arguments:
        name: Its name in `zoo.inference`.
        posterior: What is sampled.
        num_chains: Number of chains C.
        seed: The seed.
    """

    restarts = False

    def __init__(
        self, name: str, posterior: Posterior, num_chains: int, seed: int
    ) -> None:
        self.posterior = posterior
        self.seed = seed
        self.done = 0
        folder = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, folder)
        self.engine = getattr(inference, name)(
            posterior.model,
            num_chains=num_chains,
            checkpoint=folder / "run",
            progress=False,
            compile=True,  # a continued run does not know how many calls there will be
            **OURS[name],
        )
        self.before = Cost(0, 0.0)

    def warm_up(self, budget: Budget) -> Cost:
        """Adapt, and make the first draws, because a run has at least one."""
        self.engine = replace(self.engine, warmup_steps=budget.warmup)
        posterior = self._fit(PILOT)

        info = posterior.info
        sampling = info.seconds - info.seconds_warmup
        gradients = int(info.n_steps.sum())
        values = self.posterior.functions(_after(posterior.draws, 0)).numpy()
        self.first = values, Cost(gradients, sampling)

        warmup = info.seconds_warmup - info.seconds_tracing
        before = info.num_gradients - gradients

        return Cost(before, max(warmup, 0.0), info.seconds_tracing)

    def draw(self, number: int) -> tuple[np.ndarray, Cost]:
        """Return function values of further draws, and what they took."""
        if self.done == 0:
            self.done = number
            return self.first

        posterior = self._fit(self.done + number)
        info = posterior.info
        seconds = info.seconds - self.before.seconds - info.seconds_tracing
        gradients = info.num_gradients - self.before.gradients
        values = self.posterior.functions(_after(posterior.draws, self.done)).numpy()
        self.done += number

        return values, Cost(gradients, max(seconds, 1e-9), info.seconds_tracing)

    def _fit(self, number: int) -> Any:
        """Run until there are so many draws."""
        pyro.set_rng_seed(self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            engine = replace(self.engine, num_samples=number)
            posterior = engine.fit(self.posterior.data)

        if self.done == 0:
            info = posterior.info
            self.before = Cost(info.num_gradients, info.seconds)

        return posterior


def _after(draws: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return draws without the first ones of each chain."""
    return {name: value[:, number:].cpu() for name, value in draws.items()}
