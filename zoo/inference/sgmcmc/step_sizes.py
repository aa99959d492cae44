"""The step sizes of a run: constant, decaying or cyclical, and which epochs give draws."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class StepSizes:
    r"""The learning rate at each time of a run, in epochs, and whether noise is added there.

    .. math:: \eta_t = \eta \, (1 + t)^{-\gamma} \quad \text{or} \quad
        \eta_t = \frac{\eta}{2} \Big( 1 + \cos \pi \frac{t \bmod L}{L} \Big), \quad
        L = \frac{\text{epochs}}{\text{cycles}}

    A cycle begins with an exploration, in which there is no noise; after it, noise is added
    and each epoch gives a draw.

    References:
        Bayesian Learning via Stochastic Gradient Langevin Dynamics (Welling, Teh, 2011)
        Cyclical Stochastic Gradient MCMC for Bayesian Deep Learning (Zhang, Li, Zhang, Chen,
        Wilson, 2020)

    Arguments:
        num_epochs: Number of epochs.
        lr: The first learning rate η, of each cycle if there are some.
        decay: Exponent γ; 0 keeps the rate constant.
        cycles: Number of cycles; 0 for none.
        explore: Share of a cycle that explores.
        burn_in: Epochs at the beginning that give no draw.
    """

    num_epochs: int
    lr: float
    decay: float = 0.0
    cycles: int = 0
    explore: float = 0.5
    burn_in: int = 0

    def rate(self, time: float) -> float:
        """Return the learning rate at a time in epochs from the beginning."""
        if self.cycles == 0:
            return self.lr * (1 + time) ** -self.decay

        return 0.5 * self.lr * (1 + math.cos(math.pi * self._place(time)))

    def has_noise(self, time: float) -> bool:
        """Return whether noise is added at a time in epochs."""
        return self.cycles == 0 or self._place(time) >= self.explore - 1e-9

    @property
    def kept(self) -> list[int]:
        """The epochs that give a draw."""
        return [
            epoch
            for epoch in range(self.burn_in, self.num_epochs)
            if self.has_noise(epoch)
        ]

    def _place(self, time: float) -> float:
        """Return which share of its cycle has passed at a time."""
        length = self.num_epochs / self.cycles
        place = (time / length) % 1.0

        return 0.0 if place > 1 - 1e-9 else place
