"""The base of all that moves chains: their state, the programs of a step, draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from zoo.inference.mcmc.adaptation.mass_matrix import Metric
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.posterior.info import MCMCInfo
from zoo.tracing.traced import Traced

Tick = Callable[
    [int, str], None
]  # called as tick(draws done, text of the progress bar)


@dataclass(frozen=True)
class KernelOptions:
    """Settings of a kernel.

    Arguments:
        target_accept_prob: Acceptance probability that step sizes are adapted to.
        mass_rank: Number of directions of the mass matrix next to its diagonal.
        shared_mass: Whether all chains share one mass matrix.
        metric: What the diagonal of the mass matrix is learnt from.
        compile: How graphs run, as in `Traced`.
        calls: Expected number of gradient evaluations, by which compile="auto" decides.
    """

    target_accept_prob: float = 0.8
    mass_rank: int = 0
    shared_mass: bool = False
    metric: Metric = "fisher"
    compile: bool | str = "auto"
    calls: int = 0


class Chains:
    """All chains under one transition rule: a mutable state that advances draw by draw.

    A member gives `transition`, which moves every chain by one draw, and overrides `adapt`,
    `end_window` and `end_warmup` if it adapts anything. Everything that changes is in
    `state`, a dictionary of tensors, so that a run can be saved and resumed. One of them is
    the `energy` of every chain, (C,).

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings.
    """

    def __init__(self, potential: Potential, q: Tensor, options: KernelOptions) -> None:
        self.potential = potential
        self.options = options
        self.num_chains, self.size = q.shape
        self.num_gradients = 0
        self.state: dict[str, Tensor] = {}
        self.programs: list[Traced] = []

    @property
    def q(self) -> Tensor:
        """Positions of the chains in unconstrained space, (C, P)."""
        raise NotImplementedError

    @property
    def divisible(self) -> bool:
        """Whether a run can go on after any draw of a block, with the same draws."""
        return True

    @property
    def step_size(self) -> Tensor:
        """Step size of every chain, (C,)."""
        return self.state["step_size"]

    @property
    def trajectory_length(self) -> float | None:
        """Length of the longest trajectories, if the kernel learns it."""
        return None

    @property
    def max_tree_depth(self) -> int | None:
        """Largest number of doublings of a trajectory, if the kernel has trees."""
        return None

    @property
    def target_accept_prob(self) -> float | None:
        """Acceptance probability that step sizes are adapted to; None if nothing is rejected."""
        return self.options.target_accept_prob

    def transition(self) -> TransitionInfo:
        """Move every chain by one draw and return the statistics of the draw, (C,) each."""
        raise NotImplementedError

    def adapt(self, info: TransitionInfo) -> None:
        """Learn from one draw of warm-up, e.g. the step size."""

    def end_window(self, block: DrawBlock) -> None:
        """Learn from the draws of a window of warm-up, e.g. the mass matrix."""

    def end_warmup(self) -> None:
        """Fix everything that was adapted."""

    def saved(self) -> dict[str, Tensor]:
        """Return the state as the file of a run keeps it."""
        return self.state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state that `saved` returned."""
        self.state = dict(state)

    def progress_text(self, info: TransitionInfo) -> str:
        """Return what the progress bar says of a draw."""
        return f"leapfrog steps {int(info.n_steps.max())}"

    def run_info(self, **fields: Any) -> MCMCInfo:
        """Return the statistics of a run of these chains.

        Arguments:
            fields: Those of `MCMCInfo`.
        """
        return MCMCInfo(**fields)

    def draw(self, num_draws: int, tick: Tick, adapting: bool = False) -> DrawBlock:
        """Draw from every chain; Ctrl-C or an error ends it early and keeps the draws so far.

        Arguments:
            num_draws: Number of draws of each chain.
            tick: Function that updates the progress bar.
            adapting: Whether the kernel adapts after each draw.
        """
        positions: list[Tensor] = []
        infos: list[TransitionInfo] = []
        ended_by: BaseException | None = None

        try:
            while len(infos) < num_draws:
                info = self.transition()
                if adapting:
                    self.adapt(info)

                positions.append(self.q)
                infos.append(info)
                tick(len(infos), self.progress_text(info))

        except (KeyboardInterrupt, Exception) as error:
            ended_by = error

        if not infos:
            return DrawBlock.empty(self.q, ended_by)

        return DrawBlock.of_draws(positions[: len(infos)], infos, ended_by)

    @property
    def mode(self) -> str:
        """How graphs run: the mode of the program that is called most, the last one made."""
        for program in reversed(self.programs):
            if program.how:
                return program.how

        return "plain"
