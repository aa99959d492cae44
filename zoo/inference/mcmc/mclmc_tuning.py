"""The tuning of microcanonical Langevin dynamics: a step size of given energy error, and the decoherence length."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pyro.ops.stats import effective_sample_size
from torch import Tensor

MEMORY, TRUST = (
    150.0,
    1.5,
)  # effective steps that are averaged, and the spread of their weights, as published
DECAY = 0.75  # of what each step size counts in the mean, as in dual averaging
SHRINKAGE = 0.8  # of the largest step size after each step that had to be undone
NUMBERS = 2000  # coordinates whose autocorrelation is looked at


class StepSize(NamedTuple):
    r"""A step size at which the energy error has a given variance in each dimension, every chain's on its own.

    .. math:: \epsilon^6 = \frac{\sum_t w_t}{\sum_t w_t \, \xi_t / \epsilon_t^6}, \quad
        \xi = \frac{\Delta E^2}{P \, \sigma_E^2}, \quad
        w_t = \gamma^{T - t} \exp\Big(\!-\tfrac12 \Big(\frac{\log \xi_t}{6 \cdot 1.5}\Big)^2\Big)

    The variance of the energy error goes with the sixth power of the step size. The
    published step size is the last one; here it is a mean over what warm-up came to,
    for the last one may stand low after a few large errors.

    References:
        Microcanonical Hamiltonian Monte Carlo (Robnik, De Luca, Silverstein, Seljak, 2023)

    Arguments:
        step_size: The step size, (C,).
        largest: What it may not exceed, since steps of more had to be undone, (C,).
        weight: Sum of the weights, (C,).
        error: Sum of the weighted errors at the present step size, (C,).
        log_average: Mean logarithm of the step size, later ones counting more, (C,).
        count: Updates so far, (C,).
    """

    step_size: Tensor
    largest: Tensor
    weight: Tensor
    error: Tensor
    log_average: Tensor
    count: Tensor

    @classmethod
    def at(cls, step_size: Tensor) -> StepSize:
        """Begin at step sizes (C,), which every later observation outweighs."""
        zeros = torch.zeros_like(step_size)
        return cls(
            step_size,
            torch.full_like(step_size, torch.inf),
            zeros,
            zeros,
            step_size.log(),
            zeros,
        )

    def updated(self, error: Tensor, steps: int, undone: Tensor) -> StepSize:
        """Learn from a number of steps.

        Arguments:
            error: The mean of their squared energy errors over the desired one, (C,).
            steps: Their number.
            undone: How many of them had to be undone, (C,).
        """
        error = error + 1e-8
        weight = (steps - undone) * torch.exp(
            -0.5 * (error.log() / (6 * TRUST)).square()
        )
        decay = ((MEMORY - 1) / (MEMORY + 1)) ** steps
        total, sum_ = decay * self.weight + weight, decay * self.error + weight * error
        largest = torch.where(
            undone > 0,
            torch.minimum(self.largest, self.step_size * SHRINKAGE**undone),
            self.largest,
        )
        better = torch.where(
            total > 0, self.step_size * (total / sum_) ** (1 / 6), self.step_size
        )
        better = torch.minimum(better, largest)
        error = sum_ * (better / self.step_size) ** 6
        share = (self.count + 1) ** -DECAY
        log_average = share * better.log() + (1 - share) * self.log_average
        return StepSize(better, largest, total, error, log_average, self.count + 1)


def autocorrelation(draws: Tensor) -> Tensor:
    """Return the mean autocorrelation time of each chain's draws (C, S, P) over its coordinates, in draws, (C,).

    It is infinite where no coordinate tells.
    """
    every = -(-draws.shape[-1] // NUMBERS)
    number = draws.shape[1]
    time = number / effective_sample_size(
        draws[None, ..., ::every], chain_dim=0, sample_dim=2
    )
    known = torch.isfinite(time) & (time > 0)
    return (
        torch.where(known, time, torch.zeros_like(time)).sum(-1)
        / known.sum(-1)
        / known.any(-1)
    )


def decoherence_length(
    draws: Tensor, path: Tensor, before: Tensor, factor: float = 0.4
) -> Tensor:
    r"""Return the decoherence length L of every chain (C,): a part of the path over which its draws decorrelate.

    .. math:: L = 0.4 \, \epsilon \, \tau

    Arguments:
        draws: Draws (C, S, P); where there are fewer than ten, or they do not tell, L
            stays.
        path: Length of the path between two draws, (C,).
        before: L before, (C,).
        factor: The part, 0.4 as published; 0.5 for trajectories that are accepted or
            not.
    """
    if draws.shape[1] < 10:
        return before
    length = factor * path * autocorrelation(draws)
    return torch.where(torch.isfinite(length), length, before)
