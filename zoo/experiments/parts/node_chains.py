"""Chains of a sampler over the nodes of a frozen network, as many draws as a budget allows."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from torch import Tensor, nn

from zoo.datasets import Split
from zoo.experiments.running.run import Run
from zoo.inference import HMC, MAMS
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.sampler import Sampler
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.tracing.traced import Traced

SAMPLERS = ("HMC", "MAMS")
_FULL = (500, 1000)  # draws of a chain in warm-up and after it, without a budget
_LEAST = 6  # draws of a chain, warm-up included
_WARMUP = 0.25  # of all draws
_JITTER = 0.5  # of the lengths of HMC


@dataclass(frozen=True)
class NodeChains:
    """Chains of two samplers of different kinds over one posterior.

    Arguments:
        run: The run.
        model: The model, whose nodes multiply inputs.
        train: Training data.
        test: Inputs and class indices at which the draws predict.
        num_chains: Number of chains of each sampler.
        num_steps: Gradients of a draw, on average.
        share: Share of the budget of both samplers together.
        learns_mass: Whether a warm-up learns a mass matrix; else all nodes have one scale.
    """

    run: Run
    model: BayesianNetwork
    train: Split
    test: Split
    num_chains: int
    num_steps: int
    share: float
    learns_mass: bool

    def seconds_of_gradient(self) -> float:
        """Return seconds of the processor of one gradient of all chains, measured once."""

        def measure() -> dict[str, Any]:
            potential = Potential(self.model, *self.train)
            q = potential.prior_draws(self.num_chains)
            with potential.program.running():
                gradient = Traced(potential.gradient, compile=False)
                gradient(q)
                start = time.process_time()
                _, energy = gradient(q)
                energy.sum().item()  # waits for a GPU
                seconds = time.process_time() - start

            return {"seconds": seconds}

        return self.run.keep("gradient", measure)["seconds"]

    def lengths(self) -> tuple[int, int]:
        """Return the draws of a chain in warm-up and after it."""
        if self.run.full:
            return _FULL

        seconds = 60 * self.run.minutes * self.share / len(SAMPLERS)
        cost = self.seconds_of_gradient() * self.num_steps
        number = max(_LEAST, round(seconds / cost))
        number = min(number, sum(_FULL))
        warmup = round(_WARMUP * number)

        return warmup, number - warmup

    def sample(self, name: str, init: Posterior) -> dict[str, Any]:
        """Return logits (C, S, N, O) at the test inputs, nodes (C, S, P), and statistics.

        An interrupted run is resumed from its checkpoint.

        Arguments:
            name: The name of the sampler.
            init: A posterior, at draws of which the chains start.
        """
        lengths = self.lengths()

        def make() -> dict[str, Any]:
            pyro.set_rng_seed(self.run.seed + 1 + SAMPLERS.index(name))
            posterior = self._engine(name, lengths, init).fit(self.train)
            return self._found(posterior)

        return self.run.keep(name, make, lengths=lengths, steps=self.num_steps)

    def _engine(self, name: str, lengths: tuple[int, int], init: Posterior) -> Sampler:
        """Return a sampler."""
        warmup, number = lengths
        options: dict[str, Any] = {
            "num_chains": self.num_chains,
            "warmup_steps": warmup,
            "num_samples": number,
            "shared_mass": True,
            "init": init,
            "compile": "auto" if self.run.device.type == "cuda" else False,
            "checkpoint": self.run.files.file(name, "run"),
            "progress": self.run.progress,
        }
        if name == "MAMS":  # two gradients a step
            return MAMS(self.model, num_steps=max(1, self.num_steps // 2), **options)

        return HMC(
            self.model,
            num_steps=self.num_steps,
            jitter=_JITTER,
            adapt_mass_matrix=self.learns_mass,
            **options,
        )

    def _found(self, posterior: DrawsPosterior) -> dict[str, Any]:
        """Return what is kept of the chains."""
        info = posterior.info
        prediction = posterior.predict(self.test.x, progress=self.run.progress)
        by_chain = (posterior.num_chains, -1)
        outputs = prediction.outputs.unflatten(0, by_chain)
        every = [posterior.draws[name].flatten(2) for name in self.model.latents]
        nodes = torch.cat(every, -1)

        return {
            "outputs": outputs.float(),
            "nodes": nodes,
            "acceptance": float(info.acceptance_rate.mean()),
            "divergences": int(info.diverging.sum()),
            "step size": float(info.step_size.mean()),
            "gradients of a draw": float(info.n_steps.double().mean()),
            "gradients": info.num_gradients,
            "seconds": info.seconds,
            "error of energies": self._energy_error(nodes),
        }

    def _energy_error(self, nodes: Tensor) -> float:
        """Return the error of single precision in the difference of the energies of two draws."""
        q = nodes[0, [0, -1]]  # the first and the last of a chain
        change = _change(self.model, self.train, q)
        model = BayesianNetwork(
            _double(self.model.network), self.model.prior, self.model.likelihood
        )
        train = Split(self.train.x.double(), self.train.y)

        return abs(change - _change(model, train, q.double()))


def _double(network: nn.Module) -> nn.Module:
    """Return a copy of a network in double precision."""
    return copy.deepcopy(network).double()


def _change(model: BayesianNetwork, train: Split, q: Tensor) -> float:
    """Return the difference of the potential at two positions (2, P)."""
    potential = Potential(model, *train)
    with potential.program.running():
        first, last = potential.energies(q)

    return float(last - first)
