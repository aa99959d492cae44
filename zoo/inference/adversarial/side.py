"""The chains of one side: their kernel, and the draws that are kept of it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from zoo.inference.adversarial.opponents import Rounds
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.running.initialisation import Initialiser
from zoo.inference.mcmc.running.results import network_state
from zoo.inference.sgmcmc.engine import StochasticEngine
from zoo.inference.sgmcmc.kernel import EpochKernel
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior


class Side:
    """The chains of generators or of discriminators, which move a part of an epoch at a time.

    Arguments:
        engine: The engine, whose settings they have.
        model: Its model, with the likelihood of this fit.
        data: Its batches.
        rounds: Number of parts of an epoch.
    """

    def __init__(
        self,
        engine: StochasticEngine,
        model: BayesianNetwork,
        data: Rounds,
        rounds: int,
    ) -> None:
        self.engine = engine
        self.model = model
        self.rounds = rounds
        self.potential = Potential(
            model, *data.arguments, tempering=engine.tempering, dtype=engine.dtype
        )
        calls = engine.num_epochs * data.per_epoch
        self._options = KernelOptions(compile=engine.compile, calls=calls)
        self._settings = replace(engine.settings(data), parts=rounds)
        self._part = 0
        self._since: list[TransitionInfo] = []  # the last draw
        self._positions: list[Tensor] = []
        self._infos: list[TransitionInfo] = []
        self.kernel: EpochKernel

    def begin(self) -> None:
        """Make the kernel at initial positions."""
        engine = self.engine
        initialiser = Initialiser(self.potential, engine.init, engine.compile)
        q = initialiser(engine.num_chains)
        self.kernel = engine.kernel_type(
            self.potential, q, self._options, settings=self._settings
        )

    @property
    def values(self) -> dict[str, Tensor]:
        """The present values (C, *shape) of all sites."""
        found, _ = self.potential.unpack(self.kernel.state["position"])
        return found

    def advance(self) -> None:
        """Move all chains by one part of an epoch, and keep a draw if one is due."""
        epoch, part = divmod(self._part, self.rounds)
        self._part += 1
        info = self.kernel.transition()
        if epoch < self.engine.steps.kept[0]:
            self.kernel.adapt(info)

        self._since.append(info)
        each = self.engine.draws_per_epoch
        is_due = (part + 1) * each // self.rounds > part * each // self.rounds
        if not is_due:
            return

        if epoch in self.engine.steps.kept:
            self._positions.append(self.kernel.q.cpu())
            self._infos.append(_mean(self._since))

        self._since = []

    def posterior(self, seconds: float, stopped: str) -> DrawsPosterior:
        """Return the draws that were kept, the present position if there are none."""
        if not self._positions:
            self._positions.append(self.kernel.q.cpu())
            self._infos.append(_mean(self._since or [self.kernel.transition()]))

        block = DrawBlock.of_draws(self._positions, self._infos)
        draws, _ = self.potential.unpack(block.q)
        kernel = self.kernel
        info = kernel.run_info(
            **block.info.named(),
            step_size=kernel.step_size.cpu(),
            num_gradients=kernel.num_gradients,
            seconds=seconds,
            seconds_warmup=0.0,
            seconds_tracing=sum(program.seconds for program in kernel.programs),
            compiled=kernel.mode,
            temperature=self.engine.temperature,
            likelihood_temperature=self.engine.likelihood_temperature,
            stopped=stopped,
        )

        return DrawsPosterior(
            self.model, draws=draws, state=network_state(self.model), info=info
        )


def _mean(infos: list[TransitionInfo]) -> TransitionInfo:
    """Return the mean statistics of several transitions, and the sum of their steps."""
    first = infos[-1]
    means = {}
    for name in ("lp", "kinetic_temperature", "configurational_temperature"):
        values = [getattr(info, name) for info in infos]
        if values[0] is not None:
            means[name] = torch.stack(values).mean(0).cpu()

    number = sum(int(info.n_steps[0]) for info in infos)

    return TransitionInfo(
        acceptance_rate=first.acceptance_rate.cpu(),
        diverging=first.diverging.cpu(),
        n_steps=torch.full_like(first.n_steps, number).cpu(),
        **means,
    )
