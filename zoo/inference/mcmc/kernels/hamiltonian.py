"""The base of Hamiltonian kernels: leapfrog steps, with adapted step sizes and mass matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.kernel import Kernel

MAX_ENERGY_ERROR = (
    1000.0  # nats; a trajectory with a larger one is divergent, as in Stan
)
_FIRST_STEP_SIZE = 0.1
_LOG_ACCEPTANCE = -0.2231  # log 0.8


class Hamiltonian(Kernel):
    """A kernel of leapfrog steps with unit mass in whitened coordinates.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings.
    """

    def __init__(self, potential: Potential, q: Tensor, options: KernelOptions) -> None:
        super().__init__(potential, q, options)
        self.leap = self.traced(self.leapfrog, compiles=False)  # tries step sizes

        first = q.new_full((self.num_chains,), _FIRST_STEP_SIZE)
        self.restart(self.reasonable_step_size(first))

    def leapfrog(
        self,
        u: Tensor,
        p: Tensor,
        gradient: Tensor,
        step_size: Tensor,
        *mass_matrix: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Take one leapfrog step of every chain; to be traced.

        Arguments:
            u: Whitened positions, (C, P).
            p: Momenta, (C, P).
            gradient: Gradient of the potential at u, (C, P).
            step_size: Step sizes, (C,).
            mass_matrix: The tensors of the mass matrix.

        Returns:
            Positions, momenta, gradients, and potentials (C,) after the step.
        """
        half = 0.5 * step_size[:, None]
        p = p - half * gradient

        u = u + step_size[:, None] * p
        gradient, energy = self.whitened_gradient(u, *mass_matrix)

        p = p - half * gradient

        return u, p, gradient, energy

    def reasonable_step_size(self, step_size: Tensor) -> Tensor:
        """Double or halve step sizes (C,) until one step is accepted with probability 0.8."""
        direction = None
        for _ in range(50):
            gain = self._energy_gain(step_size)
            is_small = gain.nan_to_num(nan=-torch.inf) > _LOG_ACCEPTANCE

            wanted = torch.where(is_small, 1.0, -1.0).to(step_size)
            if direction is None:
                direction = wanted
            else:  # a chain whose direction changes is done
                is_same = wanted == direction
                direction = torch.where(is_same, direction, torch.zeros_like(wanted))

            if not bool(direction.any()):
                break

            step_size = step_size * 2.0**direction

        return step_size

    def _energy_gain(self, step_size: Tensor) -> Tensor:
        """Return the energy before minus that after one step with fresh momenta, (C,)."""
        u = self.state["u"]
        gradient = self.state["gradient"]
        p = torch.randn_like(u)
        before = self.state["energy"] + kinetic_energy(p)

        _, p, _, energy = self.leap(u, p, gradient, step_size, *self.mass_matrix)
        self.num_gradients += self.num_chains

        return before - energy - kinetic_energy(p)

    def restart(self, step_size: Tensor) -> None:
        """Restart dual averaging at step sizes (C,)."""
        self.averaging = DualAveraging.at(step_size)
        self.state["step_size"] = step_size

    @property
    def averaging(self) -> DualAveraging:
        """The state of dual averaging."""
        return self.state_of(DualAveraging)

    @averaging.setter
    def averaging(self, value: DualAveraging) -> None:
        self.state |= value._asdict()

    def adapt(self, info: TransitionInfo) -> None:
        """Adapt the step sizes."""
        target = self.options.target_accept_prob
        self.averaging = self.averaging.updated(info.acceptance_rate, target)
        self.state["step_size"] = self.averaging.step_size

    def end_window(self, block: DrawBlock) -> None:
        """Estimate the mass matrix, and find step sizes for it."""
        if block.num_draws > 1:
            self.learn_mass_matrix(block)

        self.restart(self.reasonable_step_size(self.averaging.average))

    def end_warmup(self) -> None:
        """Keep the averaged step sizes."""
        self.state["step_size"] = self.averaging.average


def kinetic_energy(p: Tensor) -> Tensor:
    """Return the kinetic energy (C,) of momenta (C, P) of unit mass."""
    return 0.5 * p.square().sum(-1)


def acceptance_of(error: Tensor) -> Tensor:
    """Return the probability with which trajectories of energy errors are accepted."""
    return (-error).exp().clamp(max=1.0)
