"""Dual averaging: step sizes that reach a target acceptance probability."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_SHRINKAGE = 0.05  # gamma of the paper
_DELAY = 10.0  # t0 of the paper
_DECAY = 0.75  # kappa of the paper
INITIAL_FACTOR = 10.0  # between the first step sizes tried and the initial ones


class DualAveraging(NamedTuple):
    r"""State of Nesterov's dual averaging of the log step size, for each chain on its own.

    .. math:: \log \epsilon_{t+1} = \mu - \frac{\sqrt t}{\gamma} \bar H_t, \quad
        \bar H_t = \Big(1 - \frac{1}{t + t_0}\Big) \bar H_{t-1} + \frac{\delta - \alpha_t}{t + t_0}

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo
        (Hoffman, Gelman, 2014)

    Arguments:
        centre: Value μ that the log step size is shrunk towards, (C,).
        error: Running mean H̄ of the target minus the acceptance probability, (C,).
        log_step: Log step size, (C,).
        log_average: Weighted mean of the log step sizes, (C,).
        num_updates: Number of updates, (C,).
    """

    centre: Tensor
    error: Tensor
    log_step: Tensor
    log_average: Tensor
    num_updates: Tensor

    @classmethod
    def at(cls, step_size: Tensor, factor: float = INITIAL_FACTOR) -> DualAveraging:
        """Return the initial state.

        Arguments:
            step_size: Step sizes, (C,).
            factor: Between the step sizes that are tried first and these; 1 if these are
                nearly right.
        """
        zeros = torch.zeros_like(step_size)
        return cls(
            centre=(factor * step_size).log(),
            error=zeros,
            log_step=step_size.log(),
            log_average=step_size.log(),
            num_updates=zeros,
        )

    def updated(
        self, acceptance: Tensor, target: float, where: Tensor | None = None
    ) -> DualAveraging:
        """Return the next state.

        Arguments:
            acceptance: Acceptance probabilities, (C,).
            target: Target acceptance probability.
            where: Mask of the chains to update, (C,); all by default.
        """
        count = self.num_updates + 1
        weight = 1 / (count + _DELAY)
        shortfall = weight * (target - acceptance)
        error = (1 - weight) * self.error + shortfall

        gain = count.sqrt() / _SHRINKAGE
        log_step = self.centre - gain * error

        weight = count**-_DECAY
        log_average = weight * log_step + (1 - weight) * self.log_average

        new = DualAveraging(self.centre, error, log_step, log_average, count)
        if where is None:
            return new

        return new._only(where, self)

    def _only(self, where: Tensor, other: DualAveraging) -> DualAveraging:
        """Return this state for the chains of a mask (C,), another one for the rest."""
        merged = []
        for new, old in zip(self, other, strict=True):
            merged.append(torch.where(where, new, old))

        return DualAveraging(*merged)

    @property
    def step_size(self) -> Tensor:
        """Step size to try next, (C,)."""
        return self.log_step.exp()

    @property
    def average(self) -> Tensor:
        """Step size to keep after warm-up, (C,)."""
        return self.log_average.exp()
