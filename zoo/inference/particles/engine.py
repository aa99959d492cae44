"""The base of the engines of particles: their data, their model, and the posterior they return."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from torch import Tensor
from tqdm.std import tqdm

from zoo.inference.all_data_engine import AllDataEngine
from zoo.inference.early_end import despite_interrupt
from zoo.inference.mcmc.density.deterministic import deterministic_values
from zoo.inference.mcmc.density.fixed_density import refuse_changing_density
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.running.results import network_state
from zoo.inference.mcmc.sampled_data import SampledData
from zoo.inference.particles.space import Space
from zoo.inference.reparameterised import as_network
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import RunInfo
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.runtime.counts import check_count
from zoo.runtime.programs import PyroProgram
from zoo.runtime.progress import bar
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.mode import mode_name


class ParticleEngine(AllDataEngine):
    """The base of engines that move K networks at once, in one call of one graph.

    A member implements `run`. Point estimates are refused, as by samplers. Batch
    normalisation uses its running statistics, and dropout layers are off.

    Arguments:
        model: A model without point estimates: one of the zoo's, or any Pyro model with
            continuous sites.
        num_particles: Number of particles K.
        num_steps: Steps of each particle, a gradient each.
        compile: How graphs run: "auto" chooses the fastest mode, True compiles, False only
            traces, "plain" runs the program itself.
        progress: Whether to show a progress bar.
    """

    def __init__(
        self,
        model: BayesianNetwork | PyroProgram,
        *,
        num_particles: int,
        num_steps: int,
        compile: bool | str,
        progress: bool,
    ) -> None:
        check_count("num_particles", num_particles, minimum=2)
        check_count("num_steps", num_steps)
        mode_name(compile)

        self.model = as_network(model)
        self.num_particles = num_particles
        self.num_steps = num_steps
        self.compile = compile
        self.progress = progress

    def run(
        self, space: Space, data: SampledData, progress: tqdm, began: float
    ) -> tuple[Tensor, RunInfo]:
        """Return final positions u (K, P), and the statistics of the run.

        Arguments:
            space: The coordinates of the particles.
            data: The data.
            progress: A progress bar over the steps.
            began: When the fit began, by `time.perf_counter`.
        """
        raise NotImplementedError

    def _fit_to(self, read: Callable[[], SampledData]) -> DrawsPosterior:
        """Move all particles, and return them as the draws of a posterior."""
        began = time.perf_counter()
        sampled = read()
        network = None
        if isinstance(self.model, BayesianNetwork):
            network = self.model.network

        with (
            flush_subnormals(),
            one_if_small(network, sampled.inputs),
            bar(self.num_steps, repr(self), self.progress) as progress,
        ):
            potential = Potential(self.model, *sampled.arguments)
            refuse_changing_density(potential)
            with potential.program.running():
                space = Space(potential)
                u, info = self.run(space, sampled, progress, began)

        posterior = despite_interrupt(partial(self._posterior, space, u, info))
        posterior.batch_form = sampled.form

        return posterior

    def _posterior(self, space: Space, u: Tensor, info: RunInfo) -> DrawsPosterior:
        """Return the particles as one chain of K draws."""
        draws = {}
        for name, value in space.values(u).items():
            draws[name] = value.detach()[None]  # (1, K, *shape)

        model = self.model
        if isinstance(model, BayesianNetwork):
            state = network_state(model)
            return DrawsPosterior(model, draws=draws, state=state, info=info)

        draws |= deterministic_values(space.potential.program, draws)
        return ProgramPosterior(model, draws=draws, info=info)

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"{kind}({self.num_particles} particles, {self.num_steps} steps)"
