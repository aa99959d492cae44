"""Dual averaging: step sizes that reach an acceptance rate."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SHRINKAGE, DELAY, DECAY = 0.05, 10.0, 0.75  # gamma, t0 and kappa of the paper
BOLDNESS = 10.0  # step sizes that are looked at first are so many times larger


class DualAveraging(NamedTuple):
    r"""Nesterov's dual averaging of the logarithm of a step size, each chain's on its own.

    .. math:: \log \epsilon_{t+1} = \mu - \frac{\sqrt t}{\gamma} \bar H_t, \quad
        \bar H_t = \Big(1 - \frac{1}{t + t_0}\Big) \bar H_{t-1} + \frac{\delta - \alpha_t}{t + t_0}

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo (Hoffman, Gelman, 2014)

    Arguments:
        centre: Where the logarithm is pulled to, (C,).
        error: Running error of the acceptance, (C,).
        log_step: Logarithm of the step size, (C,).
        log_average: Its average, (C,).
        count: Updates so far, (C,).
    """

    centre: Tensor
    error: Tensor
    log_step: Tensor
    log_average: Tensor
    count: Tensor

    @classmethod
    def at(cls, step_size: Tensor) -> DualAveraging:
        """Begin at step sizes (C,), and look at larger ones first."""
        zeros = torch.zeros_like(step_size)
        return cls(
            (BOLDNESS * step_size).log(), zeros, step_size.log(), step_size.log(), zeros
        )

    def updated(
        self, acceptance: Tensor, target: float, where: Tensor | None = None
    ) -> DualAveraging:
        """Return the state after acceptance rates (C,); chains outside a mask keep theirs."""
        count = self.count + 1
        weight = 1 / (count + DELAY)
        error = (1 - weight) * self.error + weight * (target - acceptance)
        log_step = self.centre - count.sqrt() / SHRINKAGE * error
        weight = count**-DECAY
        log_average = weight * log_step + (1 - weight) * self.log_average
        new = DualAveraging(self.centre, error, log_step, log_average, count)
        if where is None:
            return new
        return DualAveraging(
            *(
                torch.where(where, one, other)
                for one, other in zip(new, self, strict=True)
            )
        )

    @property
    def step_size(self) -> Tensor:
        """The step size to try next, (C,)."""
        return self.log_step.exp()

    @property
    def average(self) -> Tensor:
        """The step size to keep, (C,)."""
        return self.log_average.exp()
