"""What all Markov kernels have in common: the chains' state, one draw after another, what is learned in warm-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.inference.metric import Metric
from zoo.inference.potential import Potential
from zoo.inference.traced import Traced

Facts = dict[str, Tensor]
Tick = Callable[[int, str], None]  # called as tick(draws done, what to say)


@dataclass
class Block:
    """Draws one after another of all chains.

    Arguments:
        q: Positions in unconstrained space, (C, S, P).
        facts: `acceptance_rate`, `diverging`, `n_steps` and `lp` of every draw, (C, S).
        interrupted: Whether Ctrl-C ended it before its time.
    """

    q: Tensor
    facts: Facts
    interrupted: bool = False


class Kernel:
    """All chains under one transition rule: a mutable state that advances draw by draw.

    A member gives `transition`, which moves every chain by one draw, and says what it learns in warm-up. It works in the
    coordinates of `metric`, in which the target has about unit scale, so that its own mass matrix is the identity.
    Whatever changes is in `state`, a dictionary of tensors, so that a run can be written down and taken up again.

    Arguments:
        potential: The potential energy.
        q: Where the chains begin, (C, P).
        compile: How to run the graphs, as in `Traced`.
        calls: Evaluations of the gradient that are expected, for compile="auto".
        rank: Directions of the metric beside its diagonal.
    """

    def __init__(self, potential: Potential, q: Tensor, *, compile: bool | str, calls: int, rank: int = 0) -> None:
        self.potential, self.compile, self.calls = potential, compile, calls
        self.num_chains, self.size = q.shape
        self.num_gradients = 0
        self.state: dict[str, Tensor] = {}
        self.programs: list[Traced] = []
        self.gradient = self.traced(self.whitened)
        self.place(q, Metric.unit(q, rank))

    def traced(self, function: Callable[..., Sequence[Tensor]]) -> Traced:
        """Make a function of tensors a traced program of this run."""
        self.programs.append(Traced(function, compile=self.compile, calls=self.calls))
        return self.programs[-1]

    def whitened(self, u: Tensor, *metric: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) at u, in a metric given by its tensors; to be traced."""
        coordinates = Metric(*metric)
        slope, energy = self.potential.gradient(coordinates.colour(u))
        return coordinates.pull(slope), energy

    @property
    def metric(self) -> Metric:
        """The coordinates of this run."""
        return Metric(*(self.state[name] for name in Metric._fields))

    @property
    def q(self) -> Tensor:
        """Where the chains are in unconstrained space, (C, P)."""
        return self.metric.colour(self.state["u"])

    def place(self, q: Tensor, metric: Metric) -> None:
        """Put the chains at positions q (C, P), in a new metric."""
        self.state |= metric._asdict()
        self.state["u"] = metric.whiten(q)
        self.state["slope"], self.state["energy"] = self.gradient(self.state["u"], *metric)
        self.num_gradients += self.num_chains

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
        positions, facts, interrupted = [], [], False
        try:
            for number in range(count):
                found = self.transition()
                if learning:
                    self.learn(found)
                positions.append(self.q)
                facts.append(found)
                tick(number + 1, f"leapfrog steps {int(found['n_steps'].max())}")
        except KeyboardInterrupt:
            interrupted = True
            facts = facts[: len(positions)]
        if not positions:
            return Block(self.q[:, None][:, :0], {}, interrupted)
        stacked = {name: torch.stack([found[name] for found in facts], 1) for name in facts[0]}
        return Block(torch.stack(positions, 1), stacked, interrupted)

    @property
    def how(self) -> str:
        """How the graphs are run: the program that is called most stands last."""
        return next((program.how for program in reversed(self.programs) if program.how), "plain")

    @property
    def step_size(self) -> Tensor:
        """Step size of every chain, (C,)."""
        return self.state["step_size"]
