"""Schedules of learning rates over a run, which learn its number of steps from the engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["cosine", "one_cycle"]

_BEGIN_OF_ONE_CYCLE = 1 / 25  # of the peak, as in the paper's and torch's programs


@dataclass(frozen=True)
class Schedule:
    """A learning rate as a share of its peak, for every step of a run.

    An engine calls it with the optimiser and the number of steps, and steps the scheduler
    that it returns after every gradient step.

    Arguments:
        rise: Share of the steps in which the rate rises to its peak.
        begin: The rate before the first step as a share of the peak.
        shape: The rising rate as a share of its way, for a share of the rise.
    """

    rise: float
    begin: float
    shape: Callable[[float], float]

    def __call__(self, optimizer: Optimizer, num_steps: int) -> LambdaLR:
        """Return the scheduler of an optimiser for a run of so many steps."""
        return LambdaLR(optimizer, ShareOfPeak(self, num_steps))

    def share(self, step: int, num_steps: int) -> float:
        """Return the learning rate of a step as a share of the peak.

        Arguments:
            step: Number of steps before it, from 0.
            num_steps: Number of steps of the run.
        """
        num_rising = round(self.rise * num_steps)
        if step < num_rising:
            way = self.shape((step + 1) / (num_rising + 1))
            return self.begin + (1 - self.begin) * way

        num_falling = max(1, num_steps - num_rising)
        fallen = min(1.0, (step - num_rising) / num_falling)
        return 0.5 * (1 + math.cos(math.pi * fallen))


class HasShare(Protocol):
    """What knows the learning rate of every step of a run as a share of the first or highest."""

    def share(self, step: int, num_steps: int) -> float:
        """Return the share for the number of steps before one, of so many in all."""
        ...


@dataclass(frozen=True)
class ShareOfPeak:
    """The learning rate of a step of one run, as a share of the peak.

    Arguments:
        schedule: The schedule.
        num_steps: Number of steps of the run.
    """

    schedule: HasShare
    num_steps: int

    def __call__(self, step: int) -> float:
        """Return the share for the number of steps before it."""
        return self.schedule.share(step, self.num_steps)


def cosine(warmup: float = 0.05) -> Schedule:
    r"""A rate that rises in a straight line and then falls to zero as half a cosine.

    .. math:: \eta_t = \eta \, \tfrac12 \Big( 1 + \cos \pi \frac{t - w}{T - w} \Big),
        \quad t \ge w

    References:
        SGDR: Stochastic Gradient Descent with Warm Restarts (Loshchilov, Hutter, 2017)
        Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour (Goyal et al., 2017)

    Arguments:
        warmup: Share of the steps, w/T, in which the rate rises; 0 for none.

    Raises:
        ValueError: A share outside [0, 1).

    Example:
        >>> inference.SVI(
        ...     model, guides.MeanField(model), scheduler=inference.schedules.cosine(warmup=0.1)
        ... )
        SVI(MeanField, num_steps=8000)
    """
    _check_share("warmup", warmup)
    return Schedule(rise=warmup, begin=0.0, shape=_line)


def one_cycle(peak: float = 0.3) -> Schedule:
    """A rate that rises as half a cosine from 1/25 of the peak, and falls to zero as another.

    References:
        Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates
        (Smith, Topin, 2018)

    Arguments:
        peak: Share of the steps after which the rate is highest.

    Raises:
        ValueError: A share outside [0, 1).

    Example:
        >>> inference.SVI(
        ...     model, guides.MeanField(model), lr=0.03, scheduler=inference.schedules.one_cycle()
        ... )
        SVI(MeanField, num_steps=8000)
    """
    _check_share("peak", peak)
    return Schedule(rise=peak, begin=_BEGIN_OF_ONE_CYCLE, shape=_half_cosine)


def _check_share(name: str, share: float) -> None:
    if not 0 <= share < 1:
        raise ValueError(
            f"{name} must be a share of the steps, from 0 to below 1, not {share}"
        )


def _line(share: float) -> float:
    return share


def _half_cosine(share: float) -> float:
    return 0.5 * (1 - math.cos(math.pi * share))
