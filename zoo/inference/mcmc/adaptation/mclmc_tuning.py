"""The tuning of microcanonical Langevin dynamics: step size and decoherence length."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.effective_size import effective_size

_MEMORY = 150.0  # effective number of steps that are averaged, as published
_DECAY_PER_STEP = (_MEMORY - 1) / (_MEMORY + 1)
_TRUST = 1.5  # standard deviation of log errors in the weights, as published
_DECAY = 0.75  # of the weight of each step size in the mean, as in dual averaging
_SHRINKAGE = 0.8  # of the largest step size after each step that was undone
_MIN_ERROR = 1e-8
_MAX_COORDINATES = 2000  # whose autocorrelation is estimated
_MIN_DRAWS = 10  # for an estimate of the decoherence length


class StepSize(NamedTuple):
    r"""A step size at which the energy error has a given variance per dimension, for each chain.

    .. math:: \epsilon^6 = \frac{\sum_t w_t}{\sum_t w_t \, \xi_t / \epsilon_t^6}, \quad
        \xi = \frac{\Delta E^2}{P \, \sigma_E^2}, \quad
        w_t = \gamma^{T - t} \exp\Big(\!-\tfrac12 \Big(\frac{\log \xi_t}{6 \cdot 1.5}\Big)^2\Big)

    The variance of the energy error is proportional to the sixth power of the step size. The
    publication keeps the last step size. Here it is a weighted mean over warm-up, because the
    last one may be too small after a few large errors.

    References:
        Microcanonical Hamiltonian Monte Carlo (Robnik, De Luca, Silverstein, Seljak, 2023)

    Arguments:
        step_size: Step size, (C,).
        largest: Its upper bound, from steps that were undone, (C,).
        weight: Sum of the weights, (C,).
        error: Sum of the weighted errors at the present step size, (C,).
        log_average: Weighted mean of the log step sizes, (C,).
        num_updates: Number of updates, (C,).
    """

    step_size: Tensor
    largest: Tensor
    weight: Tensor
    error: Tensor
    log_average: Tensor
    num_updates: Tensor

    @classmethod
    def at(cls, step_size: Tensor) -> StepSize:
        """Return the initial state for step sizes (C,), which have no weight."""
        zeros = torch.zeros_like(step_size)
        unbounded = torch.full_like(step_size, torch.inf)

        return cls(
            step_size=step_size,
            largest=unbounded,
            weight=zeros,
            error=zeros,
            log_average=step_size.log(),
            num_updates=zeros,
        )

    def updated(self, error: Tensor, num_steps: int, undone: Tensor) -> StepSize:
        """Return the state after a number of steps.

        Arguments:
            error: Mean over the steps of the squared energy error over the desired one, (C,).
            num_steps: Number of steps.
            undone: Number of steps that were undone, (C,).
        """
        # errors of a very different size count less
        error = error + _MIN_ERROR
        deviation = error.log() / (6 * _TRUST)
        exponent = -0.5 * deviation.square()
        trust = torch.exp(exponent)
        weight = (num_steps - undone) * trust

        decay = _DECAY_PER_STEP**num_steps
        weights = decay * self.weight + weight
        errors = decay * self.error + weight * error

        # steps that were undone lower the bound
        shrunk = self.step_size * _SHRINKAGE**undone
        lower = torch.minimum(self.largest, shrunk)
        is_undone = undone > 0
        largest = torch.where(is_undone, lower, self.largest)

        factor = (weights / errors) ** (1 / 6)
        wanted = self.step_size * factor
        step_size = torch.where(weights > 0, wanted, self.step_size)
        step_size = torch.minimum(step_size, largest)

        # the sum of errors is one at the present step size
        change = step_size / self.step_size
        errors = errors * change**6

        count = self.num_updates + 1
        fraction = count**-_DECAY
        new = fraction * step_size.log()
        log_average = new + (1 - fraction) * self.log_average

        return StepSize(step_size, largest, weights, errors, log_average, count)


def autocorrelation_time(draws: Tensor) -> Tensor:
    """Return the mean autocorrelation time over coordinates of draws (C, S, P), in draws, (C,).

    It is infinite if no coordinate gives an estimate.
    """
    every = -(-draws.shape[-1] // _MAX_COORDINATES)
    some = draws[..., ::every].transpose(0, 1)
    size = effective_size(some[None])  # of each chain on its own

    num_draws = draws.shape[1]
    time = num_draws / size
    known = torch.isfinite(time) & (time > 0)

    zeros = torch.zeros_like(time)
    total = torch.where(known, time, zeros).sum(-1)
    mean = total / known.sum(-1)

    return mean / known.any(-1)  # infinite if nothing is known


def decoherence_length(
    draws: Tensor, path: Tensor, before: Tensor, factor: float = 0.4
) -> Tensor:
    r"""Return the decoherence length L of every chain (C,), in proportion to the path.

    .. math:: L = 0.4 \, \epsilon \, \tau

    Arguments:
        draws: Draws, (C, S, P). With fewer than ten, or without an estimate, L does not
            change.
        path: Length of the path between two draws, (C,).
        before: Present value of L, (C,).
        factor: 0.4 as published; 0.5 for trajectories that are accepted or rejected.
    """
    if draws.shape[1] < _MIN_DRAWS:
        return before

    length = factor * path * autocorrelation_time(draws)

    return torch.where(torch.isfinite(length), length, before)
