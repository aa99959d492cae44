"""What all samplers have in common: many chains in one call, warm-up, storage, checkpoints, one kind of result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from zoo.data import Data, full
from zoo.inference.mcmc.initialisation import STARTS
from zoo.inference.mcmc.kernel import Kernel
from zoo.inference.mcmc.potential import Potential
from zoo.inference.mcmc.run import Run
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.posterior import Posterior
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.runtime.progress import bar
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.traced import way_of


@dataclass(kw_only=True, repr=False, eq=False)
class Sampler:
    """The base of all samplers: a member makes a kernel for a potential.

    The chains advance together, in one call of one graph, on the model's device. Point
    estimates are refused; batch normalisation uses its running statistics and dropout
    layers are off.

    Arguments:
        model: A model without point estimates: one of the zoo's, or any Pyro model with
            continuous sites.
        num_chains: Number of chains C.
        warmup_steps: Draws per chain before sampling, in which the kernel adapts.
        num_samples: Draws per chain S after it.
        init: Where chains begin: "map", where a short descent from a prior draw ends,
            each chain's own; "prior", a draw from it; "network", the network's own
            weights; or at draws of a `Posterior`, from SVI say.
        thinning: One draw of so many is stored.
        max_draws: Most draws per chain that are stored; when there are more, every
            second one goes, and so on.
        functions_at: Inputs (N, ...) at which the network's outputs are kept instead of
            its weights.
        store_on: Device on which draws are stored, the model's where nothing is said;
            "cpu" spares a GPU's memory.
        dtype: Precision of the chains, the model's where nothing is said; torch.float64
            for ill-conditioned targets.
        temperature: Temperature T of the whole posterior: draws are from one
            proportional to p(y, z)^(1/T).
        likelihood_temperature: Temperature T_l of the likelihood alone.
        checkpoint: File that the run is written to as it goes; a file that is there is
            taken up where it ended.
        compile: How graphs run: "auto" keeps the fastest, True compiles, False traces
            alone, "plain" is the program.
        progress: Whether to show a progress bar.
    """

    model: BayesianNetwork | Callable[..., object] = field(kw_only=False)
    num_chains: int = 4
    warmup_steps: int = 500
    num_samples: int = 500
    init: str | Posterior = "map"
    thinning: int = 1
    max_draws: int | None = None
    functions_at: Tensor | None = None
    store_on: str | torch.device | None = None
    dtype: torch.dtype | None = None
    temperature: float = 1.0
    likelihood_temperature: float = 1.0
    checkpoint: str | Path | None = None
    compile: bool | str = "auto"
    progress: bool = True

    def __post_init__(self) -> None:
        least = {
            "num_chains": 1,
            "num_samples": 1,
            "warmup_steps": 0,
            "thinning": 1,
            "max_draws": 2,
        }
        for name, count in least.items():
            value = getattr(self, name)
            if value is not None and value < count:
                raise ValueError(f"{name} is a count, at least {count}, not {value}")
        if not isinstance(self.init, Posterior) and self.init not in STARTS:
            places = ", ".join(map(repr, STARTS))
            raise ValueError(
                f"chains start at one of {places}, or at a Posterior, not at {self.init!r}"
            )
        if self.functions_at is not None and not isinstance(
            self.model, BayesianNetwork
        ):
            raise ValueError(
                "functions_at needs a BayesianNetwork; of other models the sites themselves are kept"
            )
        way_of(self.compile)
        if self.store_on is not None:
            torch.device(self.store_on)
        self.tempering = Tempering(self.temperature, self.likelihood_temperature)

    def kernel(self, potential: Potential, q: Tensor) -> Kernel:
        """Make the kernel for chains that begin at q (C, P)."""
        raise NotImplementedError

    def steps_per_draw(self) -> int:
        """Guess the leapfrog steps of one draw, by which compiling is evaluated worth the wait."""
        return 1

    @property
    def calls(self) -> int:
        """Guess the evaluations of the gradient in the whole run."""
        return (self.warmup_steps + self.num_samples) * self.steps_per_draw()

    def windows(self) -> list[tuple[int, bool]]:
        """Divide warm-up into windows, and say after which of them the kernel's `end_window` is due.

        As Stan does, but for a last window that is a third of a short warm-up too: a
        step size begins too large.
        """
        total = self.warmup_steps
        if total < 20:
            return [(total, False)]
        first, last = (75, 50) if total >= 150 else (int(0.15 * total), total // 3)
        windows, length, left = [(first, False)], 25, total - first - last
        while left > 0:
            length = left if left < 3 * length else length
            windows.append((length, True))
            left, length = left - length, 2 * length
        return [*windows, (last, False)]

    def fit(self, data: Data | tuple) -> DrawsPosterior:
        """Sample the posterior given data, all of them at once.

        Arguments:
            data: A pair (x, y) of tensors, a data set, or a `DataLoader`; for a Pyro
                model that is not the zoo's, the tuple of its arguments.

        Raises:
            ValueError: Data that do not fit the model; a model with point estimates or
                discrete sites; a checkpoint of another run.
        """
        began = time.perf_counter()
        ours = isinstance(self.model, BayesianNetwork)
        arguments = full(self.model, data) if ours else tuple_of(data)
        first = next((part for part in arguments if isinstance(part, Tensor)), None)
        with (
            flush_subnormals(),
            one_if_small(self.model.network if ours else None, first),
            bar(
                self.warmup_steps + self.num_samples, repr(self), self.progress
            ) as shown,
        ):
            shown.set_postfix_str("looking at the model")
            potential = Potential(
                self.model, *arguments, tempering=self.tempering, dtype=self.dtype
            )
            with potential.program.running():
                run = Run(self, potential, shown, began)
                run.go()
                info = run.info()
        if not ours:
            return ProgramPosterior(self.model, draws=run.store.draws(), info=info)
        buffers = {
            name: value.detach().clone()
            for name, value in self.model.network.named_buffers()
        }
        state = buffers | self.model.frozen()
        draws = run.store.draws()
        if self.functions_at is None:
            return DrawsPosterior(self.model, draws=draws, state=state, info=info)
        functions = self.functions_at, run.store.kept()["functions"]
        return FunctionPosterior(
            self.model, functions=functions, draws=draws, state=state, info=info
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_chains} chains, {self.warmup_steps} + {self.num_samples} draws)"


def tuple_of(data: object) -> tuple:
    """Return the arguments of a Pyro model."""
    if not isinstance(data, tuple):
        raise TypeError(
            f"data is the tuple of the model's arguments, such as (x, y), not {type(data).__name__}"
        )
    return data


@dataclass(kw_only=True, repr=False, eq=False)
class Adaptive(Sampler):
    """The base of samplers with leapfrog steps: step size by dual averaging, a mass matrix from the draws of warm-up.

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo (Hoffman, Gelman, 2014)

    Arguments:
        target_accept_prob: Acceptance that the step size is adapted to.
        full_mass: Whether the mass matrix is dense instead of diagonal: for correlated
            posteriors of a few hundred numbers, given a warm-up of some hundred draws.
        mass_rank: Directions K beside the diagonal, for correlated posteriors of more
            numbers.
        shared_mass: Whether all chains learn one mass matrix together: more draws for
            it, where they are in one mode.
    """

    target_accept_prob: float = 0.8
    full_mass: bool = False
    mass_rank: int = 0
    shared_mass: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.target_accept_prob < 1:
            raise ValueError(
                f"target_accept_prob is a probability between 0 and 1, not {self.target_accept_prob}"
            )
        if self.mass_rank < 0:
            raise ValueError(
                f"mass_rank is a number of directions, at least 0, not {self.mass_rank}"
            )

    def adaptation(self, potential: Potential) -> dict[str, object]:
        """Return the arguments of a `Hamiltonian` kernel."""
        return {
            "target_accept_prob": self.target_accept_prob,
            "rank": potential.size
            if self.full_mass
            else min(self.mass_rank, potential.size),
            "shared": self.shared_mass,
            "compile": self.compile,
            "calls": self.calls,
        }
