"""Several chains of a Pyro kernel in turn, draw by draw, so that an interrupted run has them all equally long."""

from __future__ import annotations

import time
import warnings
from collections import defaultdict

import pyro
import torch
from pyro.infer.mcmc import HMC as PyroHMC
from torch import Tensor

from zoo.data import Data, full
from zoo.inference.potential import Potential
from zoo.inference.progress import bar
from zoo.inference.tempering import Tempering
from zoo.info import MCMCInfo
from zoo.model import BayesianNetwork
from zoo.posterior import Posterior
from zoo.threads import one_if_small

STATISTICS = ("acceptance_rate", "diverging", "n_steps", "lp")


class Sampler:
    """The base of HMC and NUTS: a member makes Pyro's kernel for a potential.

    Each chain starts at a draw from the prior. Point estimates are refused; batch normalisation uses its running
    statistics and dropout layers are off.
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        num_chains: int,
        warmup_steps: int,
        num_samples: int,
        target_accept_prob: float,
        full_mass: bool,
        temperature: float,
        likelihood_temperature: float,
        compile: bool | None,
        progress: bool,
    ) -> None:
        counts = {
            "num_chains": num_chains,
            "num_samples": num_samples,
            "warmup_steps": warmup_steps + 1,
        }
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} is a count, not {count - (name == 'warmup_steps')}")
        self.model, self.num_chains = model, num_chains
        self.warmup_steps, self.num_samples = warmup_steps, num_samples
        self.target_accept_prob, self.full_mass = target_accept_prob, full_mass
        self.tempering = Tempering(temperature, likelihood_temperature)
        self.compile, self.progress = compile, progress

    def kernel(self, potential: Potential) -> PyroHMC:
        """Make a Pyro kernel for a potential."""
        raise NotImplementedError

    def fit(self, data: Data) -> Posterior:
        """Sample the posterior given data, all of them at once.

        Arguments:
            data: A pair (x, y) of tensors, a data set, or a `DataLoader`.

        Raises:
            ValueError: Data that do not fit the model; a model with point estimates or discrete sites.
        """
        began = time.perf_counter()
        x, y = full(self.model, data)
        with one_if_small(self.model.network, x):
            potential = Potential(self.model, x, y, self.compile, self.tempering)
            chains = [Chain(self, potential) for _ in range(self.num_chains)]
            stopped, warm = self._run(chains)
        draws = torch.stack([torch.stack(chain.draws) for chain in chains])  # (C, S, P)
        values, _ = potential.unpack(draws)
        info = MCMCInfo(
            **{name: torch.tensor([chain.facts[name] for chain in chains]) for name in STATISTICS},
            step_size=torch.tensor([float(chain.kernel.step_size) for chain in chains]),
            num_gradients=potential.num_gradients,
            seconds_warmup=warm - began,
            seconds=time.perf_counter() - began,
            compiled=potential.how,
            temperature=self.tempering.whole,
            likelihood_temperature=self.tempering.likelihood,
            stopped=stopped,
        )
        return Posterior(self.model, state=potential.buffers | self.model.frozen(), info=info, draws=values)

    def _run(self, chains: list[Chain]) -> tuple[str, float]:
        warm, total = time.perf_counter(), self.warmup_steps + self.num_samples
        with bar(total, repr(self), self.progress) as progress, pyro.validation_enabled(False):
            for step in range(total):
                try:
                    for chain in chains:
                        chain.advance(store=step >= self.warmup_steps)
                except KeyboardInterrupt:
                    return self._interrupted(chains, step), warm
                if step == self.warmup_steps - 1:
                    warm = time.perf_counter()
                phase = "warm-up" if step < self.warmup_steps else "sampling"
                last = ", ".join(str(chain.last_steps) for chain in chains)
                progress.set_postfix_str(f"{phase}, leapfrog steps {last}", refresh=False)
                progress.update()
        return "", warm

    def _interrupted(self, chains: list[Chain], step: int) -> str:
        shortest = min(len(chain.draws) for chain in chains)
        if shortest == 0:
            warnings.warn(
                "interrupted in warm-up: the one draw of each chain is where it stood",
                stacklevel=4,
            )
            for chain in chains:
                chain.store_position()
            shortest = 1
        for chain in chains:
            chain.cut(shortest)
        return f"interrupted after {step} of {self.warmup_steps + self.num_samples} steps"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_chains} chains, {self.warmup_steps} + {self.num_samples} draws)"


class Chain:
    """One chain: a kernel, its position and what it has drawn."""

    def __init__(self, sampler: Sampler, potential: Potential) -> None:
        self.potential = potential
        self.kernel = sampler.kernel(potential)
        self.position = {"q": potential.start()}
        self.kernel.initial_params = self.position
        with pyro.validation_enabled(False):
            self.kernel.setup(sampler.warmup_steps)
        self.draws: list[Tensor] = []
        self.facts: dict[str, list] = defaultdict(list)
        self.last_steps, self.mean_acceptance = 0, 0.0

    def advance(self, store: bool) -> None:
        """Draw once, and store the draw unless this is warm-up."""
        gradients, divergences = self.potential.num_gradients, len(self.kernel._divergences)
        self.position = self.kernel.sample(self.position)
        self.last_steps = self.potential.num_gradients - gradients
        if store:
            self.store_position(diverging=len(self.kernel._divergences) > divergences)

    def store_position(self, diverging: bool = False) -> None:
        """Store the position with its facts; the kernel keeps a running mean of acceptance, from which this draw's."""
        count, mean = len(self.draws) + 1, float(self.kernel._mean_accept_prob)
        self.facts["acceptance_rate"].append(mean * count - self.mean_acceptance * (count - 1))
        self.facts["diverging"].append(diverging)
        self.facts["n_steps"].append(self.last_steps)
        self.facts["lp"].append(-float(self.kernel._potential_energy_last))
        self.mean_acceptance = mean
        self.draws.append(self.position["q"].detach().clone())

    def cut(self, length: int) -> None:
        """Forget draws beyond a length."""
        del self.draws[length:]
        for values in self.facts.values():
            del values[length:]
