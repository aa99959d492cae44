"""The kernel of MAMS: microcanonical trajectories that are accepted or rejected."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import MAX_ENERGY_ERROR, acceptance_of
from zoo.inference.mcmc.kernels.microcanonical import unit
from zoo.inference.mcmc.kernels.microcanonical_kernel import Langevin
from zoo.inference.mcmc.kernels.path_kernel import LangevinOptions
from zoo.inference.mcmc.kernels.phase_space import PathEnd, PhasePoint, Totals


class Adjusted(Langevin):
    """Trajectories of microcanonical dynamics from a fresh velocity, accepted or rejected.

    Their length is random. Step sizes are adapted by dual averaging.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings of every kernel.
        settings: The settings of the dynamics.
        refreshment: Decoherence length of the noise along a trajectory over the mean length
            of trajectories; infinity for no noise.
    """

    length_factor = 0.5

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        settings: LangevinOptions,
        refreshment: float = math.inf,
    ) -> None:
        self.refreshment = refreshment
        super().__init__(potential, q, options, settings)

    @property
    def target_accept_prob(self) -> float:
        """Acceptance probability that step sizes are adapted to."""
        return self.options.target_accept_prob

    def restart(self, step_size: Tensor) -> None:
        """Restart dual averaging at step sizes (C,), with trajectories for a unit-scale target."""
        averaging = DualAveraging.at(step_size)
        scale = math.sqrt(self.size)

        self.state |= averaging._asdict()
        self.state["step_size"] = step_size
        self.state["length"] = torch.full_like(step_size, scale)

    def decoherence_length(self) -> Tensor:
        """Return the decoherence lengths of the noise along a trajectory, (C,)."""
        return self.refreshment * self.state["length"]

    def draw_lengths(self, num_draws: int) -> Tensor:
        """Return the steps of trajectories (S,), uniform up to twice their mean."""
        mean = self.steps_per_draw()
        longest = 2 * mean - 1
        uniform = torch.rand(num_draws) * longest

        return 1 + uniform.long()

    def ended(
        self,
        point: PhasePoint,
        start: PhasePoint,
        totals: Totals,
        noise: Tensor,
        uniform: Tensor,
    ) -> PhasePoint:
        """Accept trajectories or return to where they began, with fresh velocities."""
        acceptance = acceptance_of(_error(totals.change, totals.undone))
        accepted = uniform < acceptance
        chosen = point.where(accepted, start)

        return chosen._replace(velocity=unit(noise))

    def info(self, end: PathEnd, n_steps: Tensor) -> TransitionInfo:
        """Return the statistics (C, S) of draws."""
        error = _error(end.change, end.undone).T
        info = super().info(end, n_steps)

        return info._replace(
            acceptance_rate=acceptance_of(error), diverging=error > MAX_ENERGY_ERROR
        )

    def adapt(self, info: TransitionInfo) -> None:
        """Adapt the step sizes to the acceptance of the last draw."""
        target = self.options.target_accept_prob
        averaging = self.state_of(DualAveraging)
        updated = averaging.updated(info.acceptance_rate, target)
        self.state |= updated._asdict()
        self.state["step_size"] = updated.step_size

    def end_window(self, block: DrawBlock) -> None:
        """Continue at the averaged step sizes, because those of dual averaging fluctuate."""
        self.end_warmup()
        super().end_window(block)

    def learn_length(self, block: DrawBlock) -> None:
        """Estimate the mean length, which needs slightly other step sizes."""
        super().learn_length(block)
        averaging = DualAveraging.at(self.step_size, factor=1.0)
        self.state |= averaging._asdict()


def _error(change: Tensor, undone: Tensor) -> Tensor:
    """Return the energy errors of trajectories, infinite if a step was undone."""
    return torch.where(undone > 0, math.inf, change)
