"""Pyro's own NUTS, chains one after the other."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyro
import torch
from pyro.infer import MCMC
from pyro.infer import NUTS as NoUTurn
from torch import Tensor

from benchmarks.samplers.posteriors import Posterior
from benchmarks.samplers.run import Cost, Restarting


class PyroNUTS(Restarting):
    """Pyro's NUTS. Every call of the model is a gradient.

    Arguments:
        posterior: What is sampled.
        num_chains: Number of chains C.
        seed: The seed.
    """

    def __init__(self, posterior: Posterior, num_chains: int, seed: int) -> None:
        self.posterior = posterior
        self.num_chains = num_chains
        self.seed = seed
        self.calls = 0

    def draw(self, number: int) -> tuple[np.ndarray, Cost]:
        """Return function values of draws, and what they took after warm-up."""
        pyro.set_rng_seed(self.seed)
        warmup, sampling = Cost(0, 0.0), Cost(0, 0.0)
        chains = [self._chain(number, warmup, sampling) for _ in range(self.num_chains)]
        self.warmup_cost.gradients = warmup.gradients
        self.warmup_cost.seconds = warmup.seconds

        draws = {}
        for name in chains[0]:
            draws[name] = torch.stack([chain[name] for chain in chains])

        return self.posterior.functions(draws).numpy(), sampling

    def _chain(self, number: int, warmup: Cost, sampling: Cost) -> dict[str, Tensor]:
        """Run a chain, and add what it took to the costs."""
        self.calls = 0
        began = time.perf_counter()
        at_end = [0, began]  # of warm-up: calls, and when

        def watch(_kernel: Any, _draw: Any, stage: str, _number: int) -> None:
            if stage.startswith("Warm"):
                at_end[:] = self.calls, time.perf_counter()

        mcmc = MCMC(
            NoUTurn(self._counted, max_tree_depth=10),
            num_samples=number,
            warmup_steps=self.warmup,
            disable_progbar=True,
            hook_fn=watch,
        )
        mcmc.run(*self.posterior.data)

        calls, ended = at_end
        warmup.gradients += int(calls)
        warmup.seconds += ended - began
        sampling.gradients += self.calls - int(calls)
        sampling.seconds += time.perf_counter() - ended

        return mcmc.get_samples()

    def _counted(self, *arguments: Tensor) -> Any:
        """Call the model, and count the call."""
        self.calls += 1
        return self.posterior.model(*arguments)
