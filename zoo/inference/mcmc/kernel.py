"""What all Markov kernels have in common: the chains' state, one draw after another, what is learned in warm-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.inference.mcmc.mass_matrix import MassMatrix, estimate_mass_matrix
from zoo.inference.mcmc.potential import Potential
from zoo.tracing.compiled import rows_at_once
from zoo.tracing.traced import Traced

Facts = dict[str, Tensor]
Part = TypeVar("Part", bound=NamedTuple)
Tick = Callable[[int, str], None]  # called as tick(draws done, what to say)


@dataclass
class Block:
    """Draws one after another of all chains.

    Arguments:
        q: Positions in unconstrained space, (C, S, P).
        facts: `acceptance_rate`, `diverging`, `n_steps` and `lp` of every draw, (C, S),
            and `energy` where momenta are drawn.
        interrupted: Whether Ctrl-C ended it before its time.
    """

    q: Tensor
    facts: Facts
    interrupted: bool = False


def joined(blocks: Sequence[Block]) -> Block:
    """Return blocks one after another as one."""
    facts = {
        name: torch.cat([block.facts[name] for block in blocks], 1)
        for name in blocks[0].facts
    }
    return Block(torch.cat([block.q for block in blocks], 1), facts)


class Kernel:
    """All chains under one transition rule: a mutable state that advances draw by draw.

    A member gives `transition`, which moves every chain by one draw, and says what it
    learns in warm-up. It works in the coordinates of `metric`, in which the target has
    about unit scale, so that its own mass matrix is the identity. Whatever changes is
    in `state`, a dictionary of tensors, so that a run can be written down and taken up
    again.

    Arguments:
        potential: The potential energy.
        q: Where the chains begin, (C, P).
        compile: How to run the graphs, as in `Traced`.
        calls: Evaluations of the gradient that are expected, for compile="auto".
        rank: Directions of the metric beside its diagonal.
        shared: Whether all chains have one metric.
    """

    trajectory_length: float | None = None  # of members that learn one

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        *,
        rank: int = 0,
        shared: bool = False,
        compile: bool | str = "auto",
        calls: int = 0,
    ) -> None:
        self.potential, self.compile, self.calls = potential, compile, calls
        self.rank, self.shared = rank, shared
        self.num_chains, self.size = q.shape
        self.num_gradients = 0
        self.state: dict[str, Tensor] = {}
        self.programs: list[Traced] = []
        self.place(q, MassMatrix.unit(q, rank))

    def traced(
        self, function: Callable[..., Sequence[Tensor]], writes: Sequence[Tensor] = ()
    ) -> Traced:
        """Make a function of chains a traced program of this run.

        It may write to some tensors in place, or else it is compiled for as many chains
        as a cache holds.
        """
        rows = None if writes else rows_at_once(self.num_chains, self.potential.widest)
        self.programs.append(
            Traced(
                function,
                compile=self.compile,
                calls=self.calls,
                writes=writes,
                rows=rows,
            )
        )
        return self.programs[-1]

    def whitened(self, u: Tensor, *metric: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) at u, in a metric given by its tensors; to be traced."""
        coordinates = MassMatrix(*metric)
        slope, energy = self.potential.gradient(coordinates.colour(u))
        return coordinates.pull(slope), energy

    def gradient(self, u: Tensor, *metric: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `whitened` does, by running the program: one call in each new metric is not worth a graph."""
        return self.whitened(u, *metric)

    @property
    def metric(self) -> MassMatrix:
        """The coordinates of this run."""
        return self.held(MassMatrix)

    def held(self, kind: type[Part]) -> Part:
        """Return what the state holds of a kind, a named tuple of tensors."""
        return kind(*(self.state[name] for name in kind._fields))

    @property
    def q(self) -> Tensor:
        """Where the chains are in unconstrained space, (C, P)."""
        return self.metric.colour(self.state["u"])

    def place(self, q: Tensor, metric: MassMatrix) -> None:
        """Put the chains at positions q (C, P), in a new metric."""
        self.state |= metric._asdict()
        self.state["u"] = metric.whiten(q)
        self.state["slope"], self.state["energy"] = self.gradient(
            self.state["u"], *metric
        )
        self.num_gradients += self.num_chains

    def learn_mass_matrix(self, block: Block) -> None:
        """Estimate the metric anew from a block of draws, and stay where the chains are."""
        self.place(
            self.q,
            estimate_mass_matrix(block.q, self.slopes(block.q), self.rank, self.shared),
        )

    def slopes(self, q: Tensor) -> Tensor:
        """Return the gradients of the potential at draws q (C, S, P), a few draws in one call."""
        parts = [
            self.potential.gradient(part.flatten(0, 1))[0] for part in q.split(8, 1)
        ]
        self.num_gradients += q.shape[0] * q.shape[1]
        return torch.cat([part.reshape(len(q), -1, self.size) for part in parts], 1)

    def transition(self) -> Facts:
        """Move every chain by one draw and return the draw's facts, each (C,)."""
        raise NotImplementedError

    def learn(self, facts: Facts) -> None:
        """Learn from one draw of warm-up, such as the step size."""

    def end_window(self, block: Block) -> None:
        """Learn from a window of warm-up, such as the metric."""

    def end_warm_up(self) -> None:
        """Fix what was learned."""

    def draw(self, count: int, tick: Tick, learning: bool = False) -> Block:
        """Draw a number of times; Ctrl-C ends it with what there is."""
        drawn, interrupted = [], False
        try:
            for number in range(count):
                found = self.transition()
                if learning:
                    self.learn(found)
                drawn.append((self.q, found))
                tick(number + 1, f"leapfrog steps {int(found['n_steps'].max())}")
        except KeyboardInterrupt:
            interrupted = True
        if not drawn:
            return Block(self.q[:, None][:, :0], {}, interrupted)
        positions, facts = zip(*drawn, strict=True)
        stacked = {
            name: torch.stack([found[name] for found in facts], 1) for name in facts[0]
        }
        return Block(torch.stack(positions, 1), stacked, interrupted)

    @property
    def how(self) -> str:
        """How the graphs are run: the program that is called most stands last."""
        return next(
            (program.how for program in reversed(self.programs) if program.how), "plain"
        )

    @property
    def step_size(self) -> Tensor:
        """Step size of every chain, (C,)."""
        return self.state["step_size"]
