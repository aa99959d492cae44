"""The kernel of MCLMC: microcanonical Langevin dynamics that accepts every step."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.mclmc_tuning import StepSize, decoherence_length
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.path_kernel import LangevinOptions, PathKernel
from zoo.inference.mcmc.kernels.phase_space import PathEnd

_MAX_FIRST_STEPS = 50  # of a draw while there is no mass matrix: ε may be far too small
_MAX_STEPS = 1000  # of a draw later
_MASS_MATRIX_WINDOWS = 2  # of warm-up; later windows give the decoherence length
_MAX_SHRINKAGES = 10


class Langevin(PathKernel):
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
        super().__init__(potential, q, options, settings)
        self.state["ended"] = torch.tensor(0)  # windows of warm-up

        scale = math.sqrt(self.size)
        first = q.new_full((len(q),), 0.25 * scale)
        self.restart(self.reasonable_step_size(first))

    def reasonable_step_size(self, step_size: Tensor) -> Tensor:
        """Shrink step sizes (C,) until the energy error of a step is near the desired one.

        Otherwise chains might move far from their initial positions.
        """
        no_noise = torch.full_like(step_size, math.inf)
        for _ in range(_MAX_SHRINKAGES):
            path = self.first_step(step_size, no_noise)
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

    def draw_lengths(self, num_draws: int) -> Tensor:
        """Return the steps of draws, (S,)."""
        return torch.full((num_draws,), self.steps_per_draw())

    def decoherence_length(self) -> Tensor:
        """Return the decoherence lengths of the noise along a path, (C,)."""
        return self.state["length"]

    def info(self, end: PathEnd, n_steps: Tensor) -> TransitionInfo:
        """Return the statistics (C, S) of draws.

        Arguments:
            end: The ends of their paths, (S, C, ...).
            n_steps: Their gradients, (S,).
        """
        diverging = (end.undone > 0).T
        acceptance = torch.ones_like(end.undone.T)
        lp = -end.energy.T

        return TransitionInfo(acceptance, diverging, n_steps.expand(lp.shape), lp)

    def adapt(self, info: TransitionInfo) -> None:
        """Adapt the step sizes to the energy error of the last draw."""
        path, num_steps = self.last_path
        num_kept = num_steps - path.undone
        mean_square = path.squares / num_kept.clamp_min(1)
        desired = self.size * self.settings.energy_variance
        error = mean_square / desired

        tuning = self.state_of(StepSize)
        updated = tuning.updated(error, num_steps, path.undone)
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
