"""nutpie's NUTS, which calls the density of NumPyro's program compiled by JAX."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.samplers.blackjax_side import BlackJAX
from benchmarks.samplers.posteriors import Posterior
from benchmarks.samplers.run import Cost, Restarting
from benchmarks.speed.jax_problem import load


class Nutpie(Restarting):
    """nutpie's NUTS.

    Arguments:
        posterior: What is sampled.
        num_chains: Number of chains C.
        seed: The seed.
    """

    def __init__(self, posterior: Posterior, num_chains: int, seed: int) -> None:
        self.nutpie = load(1, "nutpie")
        self.num_chains = num_chains
        self.seed = seed
        self.target = BlackJAX("NUTS", posterior, num_chains, seed)
        self.compiled = self._compiled()

    def _compiled(self) -> Any:
        """Return the model as nutpie takes it."""
        jax = self.target.jax
        size = self.target.size
        gradient = jax.jit(jax.value_and_grad(self.target.density))
        gradient(np.zeros(size, np.float32))

        def make_log_density() -> Any:
            def log_density(q: np.ndarray) -> tuple[float, np.ndarray]:
                value, slope = gradient(q.astype(np.float32))
                return float(value), np.asarray(slope, dtype=np.float64)

            return log_density

        def make_expand(*_seeds: int) -> Any:
            return lambda q: {"q": np.asarray(q, dtype=np.float64)}

        module = load(1, "nutpie.compiled_pyfunc")

        return module.from_pyfunc(
            size, make_log_density, make_expand, [np.dtype("float64")], [(size,)], ["q"]
        )

    def draw(self, number: int) -> tuple[np.ndarray, Cost]:
        """Return function values of draws, and what they took after warm-up."""
        began = time.perf_counter()
        trace = self.nutpie.sample(
            self.compiled,
            draws=number,
            tune=self.warmup,
            chains=self.num_chains,
            cores=1,
            seed=self.seed,
            progress_bar=False,
        )
        seconds = time.perf_counter() - began

        tuning = int(trace.warmup_sample_stats["n_steps"].sum())
        sampling = int(trace.sample_stats["n_steps"].sum())
        share = sampling / (tuning + sampling)
        self.warmup_cost.gradients = tuning
        self.warmup_cost.seconds = seconds * (1 - share)

        flat = trace.posterior["q"].values.astype(np.float32)
        values = self.target.functions(flat)

        return values, Cost(sampling, seconds * share)
