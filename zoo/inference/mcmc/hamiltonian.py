"""Hamiltonian kernels: leapfrog steps, step sizes by dual averaging, a metric from windows of warm-up."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.dual_averaging import DualAveraging
from zoo.inference.mcmc.kernel import Block, Facts, Kernel
from zoo.inference.mcmc.potential import Potential

LARGEST_ERROR = (
    1000.0  # nats of energy beyond which a trajectory counts as divergent, as in Stan
)


class Hamiltonian(Kernel):
    """A kernel of leapfrog steps with unit mass in the coordinates of its metric.

    Arguments:
        potential: The potential energy.
        q: Where the chains begin, (C, P).
        target_accept_prob: Acceptance that the step size is adapted to.
        options: Those of every kernel.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        *,
        target_accept_prob: float,
        **options: object,
    ) -> None:
        super().__init__(potential, q, **options)
        self.target_accept_prob = target_accept_prob
        self.leap = self.traced(self.leapfrog)
        self.restart(self.reasonable_step_size(q.new_full((len(q),), 0.1)))

    def leapfrog(
        self, u: Tensor, p: Tensor, slope: Tensor, step_size: Tensor, *metric: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Take one leapfrog step of every chain: position, momentum, gradient and potential; to be traced."""
        half = 0.5 * step_size[:, None]
        p = p - half * slope
        u = u + step_size[:, None] * p
        slope, energy = self.whitened(u, *metric)
        return u, p - half * slope, slope, energy

    def reasonable_step_size(self, step_size: Tensor) -> Tensor:
        """Double or halve step sizes (C,) until one step is accepted about four times in five."""
        direction = None
        for _ in range(50):
            p = torch.randn_like(self.state["u"])
            before = self.state["energy"] + 0.5 * p.square().sum(-1)
            _, p, _, energy = self.leap(
                self.state["u"], p, self.state["slope"], step_size, *self.metric
            )
            self.num_gradients += self.num_chains
            gain = before - energy - 0.5 * p.square().sum(-1)
            up = torch.where(gain.nan_to_num(nan=-torch.inf) > -0.2231, 1.0, -1.0).to(
                step_size
            )  # log 0.8
            direction = (
                up
                if direction is None
                else torch.where(up == direction, direction, torch.zeros_like(up))
            )
            if not bool(direction.any()):
                break
            step_size = step_size * 2.0**direction
        return step_size

    def restart(self, step_size: Tensor) -> None:
        """Begin dual averaging anew at step sizes (C,)."""
        self.averaging = DualAveraging.at(step_size)
        self.state["step_size"] = step_size

    @property
    def averaging(self) -> DualAveraging:
        """The state of dual averaging."""
        return self.held(DualAveraging)

    @averaging.setter
    def averaging(self, value: DualAveraging) -> None:
        self.state |= value._asdict()

    def learn(self, facts: Facts) -> None:
        """Adapt the step sizes."""
        self.averaging = self.averaging.updated(
            facts["acceptance_rate"], self.target_accept_prob
        )
        self.state["step_size"] = self.averaging.step_size

    def end_window(self, block: Block) -> None:
        """Estimate the metric anew, and step sizes for it."""
        if block.q.shape[1] > 1:
            self.learn_mass_matrix(block)
        self.restart(self.reasonable_step_size(self.averaging.average))

    def end_warm_up(self) -> None:
        """Keep the averaged step sizes."""
        self.state["step_size"] = self.averaging.average
