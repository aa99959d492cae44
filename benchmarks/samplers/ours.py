"""The samplers of this package."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pyro

from benchmarks.samplers.posteriors import Posterior
from benchmarks.samplers.run import Cost, Restarting
from zoo import inference
from zoo.posterior.posterior import Posterior as Fitted

# options of our samplers, and what of them is not their default
OURS: dict[str, dict[str, Any]] = {
    "NUTS": {},
    "MAMS": {},
    "MCLMC": {},
    "MEADS": {},
    "ChEES": {},
}
LEAST_CHAINS = {"MEADS": 8, "ChEES": 4}  # fewer learn nothing from each other


class Ours(Restarting):
    """One of our samplers.

    It could go on from a file, but the others write none, so that each run is a new one.

    Arguments:
        name: Its name in `zoo.inference`.
        posterior: What is sampled.
        num_chains: Number of chains C.
        seed: The seed.
    """

    def __init__(
        self, name: str, posterior: Posterior, num_chains: int, seed: int
    ) -> None:
        self.posterior = posterior
        self.seed = seed
        self.engine = getattr(inference, name)(
            posterior.model,
            num_chains=num_chains,
            progress=False,
            compile=True,  # the first run is short, and is to be like the second one
            **OURS[name],
        )

    def draw(self, number: int) -> tuple[np.ndarray, Cost]:
        """Return function values of draws, and what they took after warm-up."""
        posterior = self._fit(number)
        info = posterior.info
        gradients = int(info.n_steps.sum())
        sampling = info.seconds - info.seconds_warmup

        self.warmup_cost.gradients = info.num_gradients - gradients
        self.warmup_cost.seconds = max(info.seconds_warmup - info.seconds_tracing, 0.0)
        self.warmup_cost.compiling += info.seconds_tracing
        values = self.posterior.functions(posterior.draws).numpy()

        return values, Cost(gradients, sampling)

    def _fit(self, number: int) -> Fitted:
        """Return a posterior of so many draws of every chain."""
        pyro.set_rng_seed(self.seed)
        engine = replace(self.engine, warmup_steps=self.warmup, num_samples=number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return engine.fit(self.posterior.data)
