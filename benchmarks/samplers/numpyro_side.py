"""NumPyro's NUTS, chains in one program or one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.samplers.compiling import Compiling, load_jax
from benchmarks.samplers.in_jax import in_jax
from benchmarks.samplers.posteriors import Posterior
from benchmarks.samplers.run import PILOT, Budget, Cost
from benchmarks.speed.jax_problem import load

METHODS = ("sequential", "vectorized")


class NumPyroNUTS:
    """NumPyro's NUTS.

    Arguments:
        method: One of `METHODS`.
        posterior: What is sampled.
        num_chains: Number of chains C.
        seed: The seed.
    """

    restarts = False

    def __init__(
        self, method: str, posterior: Posterior, num_chains: int, seed: int
    ) -> None:
        self.method = method
        self.posterior = posterior
        self.num_chains = num_chains
        self.seed = seed
        self.jax = load_jax()
        self.program = in_jax(posterior).program
        self.compiling = Compiling(self.jax)
        self.state: Any = None

    def _mcmc(self, warmup: int, number: int) -> Any:
        """Return the sampler for so many draws, at the present state."""
        infer = load(1, "numpyro.infer")
        mcmc = infer.MCMC(
            infer.NUTS(self.program, max_tree_depth=10),
            num_warmup=warmup,
            num_samples=number,
            num_chains=self.num_chains,
            chain_method=self.method,
            progress_bar=False,
        )
        if self.state is not None:
            mcmc.post_warmup_state = self.state

        return mcmc

    def warm_up(self, budget: Budget) -> Cost:
        """Adapt."""
        mcmc = self._mcmc(budget.warmup, PILOT)
        key = self.jax.random.PRNGKey(self.seed)
        with self.compiling.clock() as clock:
            fields = ("num_steps",)
            mcmc.warmup(key, extra_fields=fields, collect_warmup=True)
            self.jax.block_until_ready(mcmc.post_warmup_state.z)

        steps = np.asarray(mcmc.get_extra_fields()["num_steps"]).sum()
        self.state = mcmc.post_warmup_state

        return Cost(int(steps), clock["run"], clock["compile"])

    def draw(self, number: int) -> tuple[np.ndarray, Cost]:
        """Return function values of further draws, and what they took."""
        mcmc = self._mcmc(0, number)
        with self.compiling.clock() as clock:
            mcmc.run(self.state.rng_key, extra_fields=("num_steps",))
            samples = mcmc.get_samples(group_by_chain=True)
            self.jax.block_until_ready(samples)

        self.state = mcmc.last_state
        steps = np.asarray(mcmc.get_extra_fields()["num_steps"]).sum()
        draws = {name: as_tensor(value) for name, value in samples.items()}
        values = self.posterior.functions(draws).numpy()

        return values, Cost(int(steps), clock["run"], clock["compile"])


def as_tensor(value: Any) -> torch.Tensor:
    """Copy an array of JAX to torch."""
    return torch.from_numpy(np.array(value))
