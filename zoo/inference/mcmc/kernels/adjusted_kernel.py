"""The kernel of MAMS: microcanonical trajectories that are accepted or rejected."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import MAX_ENERGY_ERROR
from zoo.inference.mcmc.kernels.microcanonical import unit
from zoo.inference.mcmc.kernels.microcanonical_kernel import Langevin, LangevinOptions
from zoo.inference.mcmc.kernels.phase_space import PhasePoint


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

    def transition(self) -> TransitionInfo:
        """Follow a trajectory, its length uniform up to twice the mean, and accept or stay."""
        num_steps = self._draw_num_steps()
        noise = torch.randn_like(self.state["u"])
        self.state["velocity"] = unit(noise)

        decoherence = self.refreshment * self.state["length"]
        path = self.follow(num_steps, self.step_size, decoherence)

        is_undone = path.undone > 0
        error = torch.where(is_undone, math.inf, path.change)
        acceptance = (-error).exp().clamp(max=1.0)
        uniform = torch.rand_like(acceptance)
        accepted = uniform < acceptance
        self._move(path.point, accepted)

        return self.info(path, acceptance, error > MAX_ENERGY_ERROR)

    def _draw_num_steps(self) -> int:
        """Return the steps of the next trajectory, uniform up to twice their mean."""
        mean = self.steps_per_draw()
        longest = 2 * mean - 1
        uniform = torch.rand(()) * longest

        return 1 + int(uniform)

    def _move(self, point: PhasePoint, accepted: Tensor) -> None:
        """Move the chains of a mask (C,) to a point."""
        rows = accepted[:, None]
        for name, new in point._asdict().items():
            mask = rows if new.dim() > 1 else accepted
            present = self.state[name]
            self.state[name] = torch.where(mask, new, present)

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
