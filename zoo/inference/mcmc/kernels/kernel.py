"""The base of all Markov kernels: the state of the chains, and what warm-up adapts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.mass_matrix import MassMatrix, estimate_mass_matrix
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.tracing.compiled import rows_at_once
from zoo.tracing.traced import Traced

Part = TypeVar("Part", bound=NamedTuple)
Tick = Callable[
    [int, str], None
]  # called as tick(draws done, text of the progress bar)
_GRADIENTS_AT_ONCE = 8  # draws of every chain whose gradients are evaluated in one call


@dataclass(frozen=True)
class KernelOptions:
    """Settings of a kernel.

    Arguments:
        target_accept_prob: Acceptance probability that step sizes are adapted to.
        mass_rank: Number of directions of the mass matrix next to its diagonal.
        shared_mass: Whether all chains share one mass matrix.
        compile: How graphs run, as in `Traced`.
        calls: Expected number of gradient evaluations, by which compile="auto" decides.
    """

    target_accept_prob: float = 0.8
    mass_rank: int = 0
    shared_mass: bool = False
    compile: bool | str = "auto"
    calls: int = 0


class Kernel:
    """All chains under one transition rule: a mutable state that advances draw by draw.

    A member gives `transition`, which moves every chain by one draw, and overrides `adapt`,
    `end_window` and `end_warmup` if it adapts anything. It works in the whitened coordinates
    u of `mass_matrix`, in which the target has about unit scale and the kernel's mass is the
    identity. Everything that changes is in `state`, a dictionary of tensors, so that a run can
    be saved and resumed.

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
        self._place(q, MassMatrix.identity(q, options.mass_rank))

    def traced(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        writes: Sequence[Tensor] = (),
    ) -> Traced:
        """Make a traced program of a function of all chains.

        Arguments:
            function: The function.
            writes: Tensors that it writes to in place. Without them, a compiled program
                runs for as many chains at once as the cache holds.
        """
        rows = None if writes else rows_at_once(self.num_chains, self.potential.widest)
        program = Traced(
            function,
            compile=self.options.compile,
            calls=self.options.calls,
            writes=writes,
            rows=rows,
        )

        self.programs.append(program)

        return program

    def whitened_gradient(
        self, u: Tensor, *mass_matrix: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient with respect to u (C, P) and the potential (C,); to be traced.

        Arguments:
            u: Whitened positions, (C, P).
            mass_matrix: The tensors of the mass matrix.
        """
        coordinates = MassMatrix(*mass_matrix)
        gradient, energy = self.potential.gradient(coordinates.colour(u))

        return coordinates.whiten_gradient(gradient), energy

    @property
    def mass_matrix(self) -> MassMatrix:
        """The present mass matrix."""
        return self.state_of(MassMatrix)

    def state_of(self, kind: type[Part]) -> Part:
        """Return the part of the state that a named tuple of tensors holds."""
        values = [self.state[name] for name in kind._fields]
        return kind._make(values)

    @property
    def q(self) -> Tensor:
        """Positions of the chains in unconstrained space, (C, P)."""
        return self.mass_matrix.colour(self.state["u"])

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

    def _place(self, q: Tensor, mass_matrix: MassMatrix) -> None:
        """Move the chains to q (C, P) and use a new mass matrix."""
        u = mass_matrix.whiten(q)
        # one call for each new mass matrix does not repay tracing
        gradient, energy = self.whitened_gradient(u, *mass_matrix)
        self.num_gradients += self.num_chains

        self.state |= mass_matrix._asdict()
        self.state |= {"u": u, "gradient": gradient, "energy": energy}

    def learn_mass_matrix(self, block: DrawBlock) -> None:
        """Estimate the mass matrix from a block of draws; the positions stay the same."""
        mass_matrix = estimate_mass_matrix(
            block.q,
            self._gradients(block.q),
            self.options.mass_rank,
            self.options.shared_mass,
        )

        self._place(self.q, mass_matrix)

    def _gradients(self, q: Tensor) -> Tensor:
        """Return the gradients of the potential at draws q (C, S, P), a few draws per call."""
        parts = []
        for part in q.split(_GRADIENTS_AT_ONCE, 1):
            gradient, _ = self.potential.gradient(part.flatten(0, 1))
            parts.append(gradient.reshape(part.shape))

        self.num_gradients += q.shape[:2].numel()

        return torch.cat(parts, 1)

    def transition(self) -> TransitionInfo:
        """Move every chain by one draw and return the statistics of the draw, (C,) each."""
        raise NotImplementedError

    def adapt(self, info: TransitionInfo) -> None:
        """Learn from one draw of warm-up, e.g. the step size."""

    def end_window(self, block: DrawBlock) -> None:
        """Learn from the draws of a window of warm-up, e.g. the mass matrix."""

    def end_warmup(self) -> None:
        """Fix everything that was adapted."""

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
                num_steps = int(info.n_steps.max())
                tick(len(infos), f"leapfrog steps {num_steps}")

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
