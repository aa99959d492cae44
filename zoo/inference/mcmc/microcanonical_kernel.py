"""Kernels of microcanonical dynamics: the Langevin form, and trajectories that are accepted or rejected."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.inference.mcmc.dual_averaging import DualAveraging
from zoo.inference.mcmc.hamiltonian import LARGEST_ERROR
from zoo.inference.mcmc.kernel import Block, Facts, Kernel
from zoo.inference.mcmc.mclmc_tuning import StepSize, decoherence_length
from zoo.inference.mcmc.microcanonical import langevin, unit
from zoo.inference.mcmc.potential import Potential

FIRST_STEPS, MOST_STEPS = (
    50,
    1000,
)  # of a draw: before there is a metric, when step sizes are far off, and after
METRICS = 2  # windows of warm-up that a metric is learned in
POINT = ("u", "velocity", "slope", "energy")


class Langevin(Kernel):
    """Chains of microcanonical Langevin dynamics: every step is kept.

    Step sizes are learned all through warm-up; its first windows give the metric, later
    ones the decoherence length, each over a longer path than the one before, for draws
    are as far apart as it is long.

    Arguments:
        potential: The potential energy.
        q: Where the chains begin, (C, P).
        parts: Parts of a step, one of `INTEGRATORS`.
        energy_variance: Variance of the energy error per dimension that step sizes are
            adapted to.
        num_steps: Steps of a draw, those of one decoherence length where nothing is
            said.
        target_accept_prob: Acceptance that step sizes are adapted to, where there is
            acceptance.
        options: Those of every kernel.
    """

    length_factor = 0.4

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        *,
        parts: Sequence[float],
        energy_variance: float,
        num_steps: int | None,
        target_accept_prob: float,
        **options: object,
    ) -> None:
        super().__init__(potential, q, **options)
        self.parts, self.energy_variance, self.num_steps = (
            parts,
            energy_variance,
            num_steps,
        )
        self.target_accept_prob = target_accept_prob
        self.gradients_per_step = len(parts) // 2
        self.step = self.traced(self.langevin)
        self.state |= {"velocity": unit(torch.randn_like(q)), "ended": torch.tensor(0)}
        self.restart(
            self.reasonable_step_size(
                q.new_full((len(q),), 0.25 * math.sqrt(self.size))
            )
        )

    def langevin(
        self,
        u: Tensor,
        velocity: Tensor,
        slope: Tensor,
        energy: Tensor,
        total: Tensor,
        squares: Tensor,
        undone: Tensor,
        step_size: Tensor,
        length: Tensor,
        *metric: Tensor,
    ) -> tuple[Tensor, ...]:
        """Take one step of every chain, and add to what `follow` returns; to be traced."""

        def gradient(u: Tensor) -> tuple[Tensor, Tensor]:
            return self.whitened(u, *metric)

        *point, change, bad = langevin(
            gradient, u, velocity, slope, energy, step_size, length, self.parts
        )
        return *point, total + change, squares + change.square(), undone + bad

    def reasonable_step_size(self, step_size: Tensor) -> Tensor:
        """Shrink step sizes (C,) until a step's energy error is near the desired one, lest chains leave their start."""
        still = torch.full_like(step_size, math.inf)
        for _ in range(10):
            _, _, squares, undone = self.follow(1, step_size, still)
            error = squares / (self.size * self.energy_variance)
            if not bool(((undone > 0) | (error > 2)).any()):
                break
            step_size = step_size * torch.where(
                undone > 0, 0.1, error.clamp_min(1) ** (-1 / 6)
            )
        return step_size

    def restart(self, step_size: Tensor) -> None:
        """Begin to tune anew at step sizes (C,), with the decoherence length of a target of unit scale."""
        self.state |= StepSize.at(step_size)._asdict()
        self.state["length"] = torch.full_like(step_size, math.sqrt(self.size))

    def steps(self) -> int:
        """Return the steps of a draw: those of one decoherence length, in the geometric mean over chains."""
        if self.num_steps is not None:
            return self.num_steps
        number = (self.state["length"] / self.state["step_size"]).log().mean().exp()
        most = FIRST_STEPS if int(self.state["ended"]) == 0 else MOST_STEPS
        return int(number.clamp(1, most).round())

    def follow(
        self, steps: int, step_size: Tensor, length: Tensor
    ) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """Take steps: where they end, sum and sum of squares of the energy's changes (C,), and steps undone (C,)."""
        metric, zero = self.metric, torch.zeros_like(step_size)
        found = *(self.state[name] for name in POINT), zero, zero, zero
        for _ in range(steps):
            found = self.step(*found, step_size, length, *metric)
        self.num_gradients += steps * self.gradients_per_step * self.num_chains
        *point, total, squares, undone = found
        return dict(zip(POINT, point, strict=True)), total, squares, undone

    def transition(self) -> Facts:
        """Walk for as many steps as a draw has."""
        steps = self.steps()
        point, _, squares, undone = self.follow(
            steps, self.state["step_size"], self.state["length"]
        )
        self.state |= point
        self.walked = steps, squares, undone
        return self.facts(steps, torch.ones_like(undone), undone > 0)

    def facts(self, steps: int, acceptance: Tensor, diverging: Tensor) -> Facts:
        """Return the facts of a draw."""
        return {
            "acceptance_rate": acceptance,
            "diverging": diverging,
            "n_steps": torch.full_like(
                diverging, steps * self.gradients_per_step, dtype=torch.long
            ),
            "lp": -self.state["energy"],
        }

    def learn(self, facts: Facts) -> None:
        """Adapt the step sizes to the energy error of the last draw."""
        steps, squares, undone = self.walked
        error = (
            squares / (steps - undone).clamp_min(1) / (self.size * self.energy_variance)
        )
        self.state |= self.held(StepSize).updated(error, steps, undone)._asdict()

    def end_window(self, block: Block) -> None:
        """Estimate the metric anew, or when that is done the decoherence length."""
        self.state["ended"] = self.state["ended"] + 1
        if int(self.state["ended"]) > METRICS:
            steps = block.facts["n_steps"].to(block.q).mean(1) / self.gradients_per_step
            path = self.state["log_average"].exp() * steps
            self.state["length"] = decoherence_length(
                block.q, path, self.state["length"], self.length_factor
            )
        elif block.q.shape[1] > 1:
            self.learn_mass_matrix(block)
            self.restart(self.state["step_size"])

    def end_warm_up(self) -> None:
        """Keep the averaged step sizes."""
        self.state["step_size"] = self.state["log_average"].exp()


class Adjusted(Langevin):
    """Trajectories of microcanonical dynamics from a fresh velocity, of random length, accepted or rejected.

    Nothing refreshes the velocity on the way. Step sizes are adapted by dual averaging.
    """

    length_factor = 0.5

    def restart(self, step_size: Tensor) -> None:
        """Begin dual averaging anew at step sizes (C,), with the trajectory of a target of unit scale."""
        self.state |= DualAveraging.at(step_size)._asdict()
        self.state |= {
            "step_size": step_size,
            "length": torch.full_like(step_size, math.sqrt(self.size)),
        }

    def transition(self) -> Facts:
        """Follow a trajectory, its length even between nothing and twice the mean, and accept or stay."""
        state = self.state
        steps = 1 + int(torch.rand(()) * (2 * self.steps() - 1))
        state["velocity"] = unit(torch.randn_like(state["u"]))
        straight = torch.full_like(state["length"], math.inf)
        point, error, _, undone = self.follow(steps, state["step_size"], straight)
        error = torch.where(undone > 0, math.inf, error)
        acceptance = (-error).exp().clamp(max=1.0)
        accepted = torch.rand_like(acceptance) < acceptance
        for name, new in point.items():
            state[name] = torch.where(
                accepted[:, None] if new.dim() > 1 else accepted, new, state[name]
            )
        return self.facts(steps, acceptance, error > LARGEST_ERROR)

    def learn(self, facts: Facts) -> None:
        """Adapt the step sizes to the acceptance of the last draw."""
        averaging = self.held(DualAveraging).updated(
            facts["acceptance_rate"], self.target_accept_prob
        )
        self.state |= averaging._asdict() | {"step_size": averaging.step_size}

    def end_window(self, block: Block) -> None:
        """Begin a new metric at the averaged step sizes, for those of dual averaging jump."""
        self.end_warm_up()
        super().end_window(block)
