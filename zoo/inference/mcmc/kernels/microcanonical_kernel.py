"""The kernel of MCLMC: microcanonical Langevin dynamics that accepts every step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.mclmc_tuning import StepSize, decoherence_length
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.kernel import Kernel
from zoo.inference.mcmc.kernels.microcanonical import langevin, unit
from zoo.inference.mcmc.kernels.phase_space import LangevinPath, PhasePoint

_MAX_FIRST_STEPS = 50  # of a draw while there is no mass matrix: ε may be far too small
_MAX_STEPS = 1000  # of a draw later
_MASS_MATRIX_WINDOWS = 2  # of warm-up; later windows give the decoherence length
_MAX_SHRINKAGES = 10


@dataclass(frozen=True)
class LangevinOptions:
    """Settings of microcanonical dynamics.

    Arguments:
        fractions: Fractions of a step, one of `INTEGRATORS`.
        energy_variance: Variance of the energy error per dimension that step sizes are
            adapted to.
        num_steps: Steps of a draw; None takes those of one decoherence length.
    """

    fractions: tuple[float, ...]
    energy_variance: float
    num_steps: int | None


class Langevin(Kernel):
    """Microcanonical Langevin dynamics: every step is accepted.

    Step sizes are adapted throughout warm-up. The first windows of warm-up give the mass
    matrix, later ones the decoherence length, each from longer paths than the one before,
    because the distance between draws is one decoherence length.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings of every kernel.
        settings: The settings of the dynamics.
    """

    length_factor = 0.4

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        settings: LangevinOptions,
    ) -> None:
        super().__init__(potential, q, options)
        self.settings = settings
        self.gradients_per_step = len(settings.fractions) // 2
        self.step = self.traced(self.langevin_step)

        noise = torch.randn_like(q)
        self.state["velocity"] = unit(noise)
        self.state["ended"] = torch.tensor(0)  # windows of warm-up

        scale = math.sqrt(self.size)
        first = q.new_full((len(q),), 0.25 * scale)
        self.restart(self.reasonable_step_size(first))

    def langevin_step(
        self,
        u: Tensor,
        velocity: Tensor,
        gradient: Tensor,
        energy: Tensor,
        change: Tensor,
        squares: Tensor,
        undone: Tensor,
        step_size: Tensor,
        length: Tensor,
        *mass_matrix: Tensor,
    ) -> tuple[Tensor, ...]:
        """Take one step of every chain and return the fields of a `LangevinPath`; to be traced.

        Arguments:
            u: Whitened positions, (C, P).
            velocity: Velocities of unit length, (C, P).
            gradient: Gradient of the potential at u, (C, P).
            energy: Potential at u, (C,).
            change: Sum of the changes of the total energy so far, (C,).
            squares: Sum of their squares so far, (C,).
            undone: Number of steps that were undone so far, (C,).
            step_size: Step sizes, (C,).
            length: Decoherence lengths, (C,).
            mass_matrix: The tensors of the mass matrix.
        """

        def gradient_function(u: Tensor) -> tuple[Tensor, Tensor]:
            return self.whitened_gradient(u, *mass_matrix)

        point = PhasePoint(u, velocity, gradient, energy)
        step = langevin(
            gradient_function, point, step_size, length, self.settings.fractions
        )
        change = change + step.change
        squares = squares + step.change.square()
        undone = undone + step.undone

        return *step.point, change, squares, undone

    def reasonable_step_size(self, step_size: Tensor) -> Tensor:
        """Shrink step sizes (C,) until the energy error of a step is near the desired one.

        Otherwise chains might move far from their initial positions.
        """
        no_noise = torch.full_like(step_size, math.inf)
        for _ in range(_MAX_SHRINKAGES):
            path = self.follow(1, step_size, no_noise)
            error = path.squares / (self.size * self.settings.energy_variance)

            is_undone = path.undone > 0
            if not bool((is_undone | (error > 2)).any()):
                break

            factor = error.clamp_min(1) ** (-1 / 6)
            step_size = step_size * torch.where(is_undone, 0.1, factor)

        return step_size

    def restart(self, step_size: Tensor) -> None:
        """Restart tuning at step sizes (C,), with a decoherence length for a unit-scale target."""
        tuning = StepSize.at(step_size)
        scale = math.sqrt(self.size)

        self.state |= tuning._asdict()
        self.state["length"] = torch.full_like(step_size, scale)

    @property
    def target_accept_prob(self) -> float | None:
        """Acceptance probability that step sizes are adapted to: none."""
        return None

    def steps_per_draw(self) -> int:
        """Return the steps of a draw: one decoherence length in the geometric mean over chains."""
        if self.settings.num_steps is not None:
            return self.settings.num_steps

        ratio = self.state["length"] / self.state["step_size"]
        number = ratio.log().mean().exp()
        is_first = int(self.state["ended"]) == 0
        largest = _MAX_FIRST_STEPS if is_first else _MAX_STEPS

        return int(number.clamp(1, largest).round())

    def follow(self, num_steps: int, step_size: Tensor, length: Tensor) -> LangevinPath:
        """Take steps from where the chains are, without moving them.

        Arguments:
            num_steps: Number of steps.
            step_size: Step sizes, (C,).
            length: Decoherence lengths, (C,).
        """
        mass_matrix = self.mass_matrix
        zero = torch.zeros_like(step_size)
        point = self.state_of(PhasePoint)

        found: tuple[Tensor, ...] = (*point, zero, zero, zero)
        for _ in range(num_steps):
            found = self.step(*found, step_size, length, *mass_matrix)

        num_calls = num_steps * self.gradients_per_step
        self.num_gradients += num_calls * self.num_chains

        u, velocity, gradient, energy, change, squares, undone = found
        end = PhasePoint(u, velocity, gradient, energy)

        return LangevinPath(end, change, squares, undone, num_steps)

    def transition(self) -> TransitionInfo:
        """Take the steps of one draw."""
        num_steps = self.steps_per_draw()
        path = self.follow(num_steps, self.step_size, self.state["length"])
        self.state |= path.point._asdict()
        self.last_path = path

        acceptance = torch.ones_like(path.undone)
        diverging = path.undone > 0

        return self.info(path, acceptance, diverging)

    def info(
        self, path: LangevinPath, acceptance: Tensor, diverging: Tensor
    ) -> TransitionInfo:
        """Return the statistics of a draw."""
        num_gradients = path.num_steps * self.gradients_per_step
        n_steps = torch.full_like(diverging, num_gradients, dtype=torch.long)
        lp = -self.state["energy"]

        return TransitionInfo(acceptance, diverging, n_steps, lp)

    def adapt(self, info: TransitionInfo) -> None:
        """Adapt the step sizes to the energy error of the last draw."""
        path = self.last_path
        num_kept = path.num_steps - path.undone
        mean_square = path.squares / num_kept.clamp_min(1)
        desired = self.size * self.settings.energy_variance
        error = mean_square / desired

        tuning = self.state_of(StepSize)
        updated = tuning.updated(error, path.num_steps, path.undone)
        self.state |= updated._asdict()

    def end_window(self, block: DrawBlock) -> None:
        """Estimate the mass matrix, or in later windows the decoherence length."""
        self.state["ended"] = self.state["ended"] + 1
        if int(self.state["ended"]) > _MASS_MATRIX_WINDOWS:
            self.learn_length(block)
        elif block.num_draws > 1:
            self.learn_mass_matrix(block)
            self.restart(self.step_size)

    def learn_length(self, block: DrawBlock) -> None:
        """Estimate the decoherence length."""
        n_steps = block.info.n_steps.to(block.q)
        num_steps = n_steps.mean(1) / self.gradients_per_step
        step_size = self.state["log_average"].exp()
        path = step_size * num_steps

        before = self.state["length"]
        self.state["length"] = decoherence_length(
            block.q, path, before, self.length_factor
        )

    def end_warmup(self) -> None:
        """Keep the averaged step sizes."""
        self.state["step_size"] = self.state["log_average"].exp()
