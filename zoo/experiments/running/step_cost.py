"""The cost of a gradient step, measured in seconds of the processor before a fit is planned."""

from __future__ import annotations

import time
from dataclasses import dataclass

from zoo.experiments.running.budget import Budget
from zoo.experiments.running.seeded_fits import SeededFits

_WARMUP_STEPS = 2  # of a first run, which also pays for late imports
_SHORT_STEPS = 12  # of a second run, whose seconds may be mostly those of tracing
_LONGER = 2  # times the steps of the run before
_LONG_ENOUGH = 1.5  # times the seconds of the short run
_SHARE = 0.1  # of the budget, beyond which a run is not prolonged


@dataclass(frozen=True)
class StepCost:
    """Seconds of the processor: of a gradient step, and of what is done before the first one."""

    step: float
    start: float


def measure_step_cost(fits: SeededFits, rate: float, budget: Budget) -> StepCost:
    """Return the cost of a step, from the difference of a short and a longer run.

    On a crowded machine the clock counts other programs, so all seconds are of the
    processor. A run is not prolonged if the fit has time for all its epochs anyway, or if
    that would take too much of the budget; tracing then counts as a part of the steps.

    Arguments:
        fits: Runs a fit.
        rate: The learning rate.
        budget: The limits of the fit.
    """
    _timed(fits, rate, _WARMUP_STEPS)
    short = long = _timed(fits, rate, _SHORT_STEPS)

    max_steps = budget.epochs * fits.steps_per_epoch
    while long.seconds < _LONG_ENOUGH * short.seconds:
        has_time_for_all = long.step * max_steps <= budget.seconds
        if has_time_for_all or long.seconds > _SHARE * budget.seconds:
            return StepCost(long.step, 0.0)

        longer = _timed(fits, rate, _LONGER * long.num_steps)
        if longer.num_steps <= long.num_steps:
            return StepCost(long.step, 0.0)
        long = longer

    more_steps = long.num_steps - short.num_steps
    step = (long.seconds - short.seconds) / more_steps
    start = short.seconds - step * short.num_steps

    return StepCost(step, max(start, 0.0))


@dataclass(frozen=True)
class _TimedRun:
    """The seconds of the processor of a run, and its number of steps."""

    seconds: float
    num_steps: int

    @property
    def step(self) -> float:
        """Seconds of a step, if tracing counts as a part of the steps."""
        return self.seconds / self.num_steps


def _timed(fits: SeededFits, rate: float, num_steps: int) -> _TimedRun:
    """Run a fit of about so many steps."""
    began = time.process_time()
    _, number = fits.run_briefly(rate, num_steps)

    return _TimedRun(time.process_time() - began, number)
