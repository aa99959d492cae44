"""The plan of a fit within a budget: which learning rate it has, and how many steps it takes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from zoo.datasets import Split
from zoo.experiments.running.budget import Budget
from zoo.experiments.running.seeded_fits import SeededFits
from zoo.experiments.running.step_cost import measure_step_cost
from zoo.experiments.running.trials import Trials

_TRIAL_SHARE = 0.25  # of the time, for trials of learning rates
_LONGEST_TRIAL = 0.25  # of the steps of the fit
_LONGEST_TRIAL_EPOCHS = 3
_SHORTEST_TRIAL = 12  # steps


@dataclass(frozen=True)
class TrainingPlan:
    """What is decided before a fit starts. Its fields are the keys of the file of a fit.

    Arguments:
        rate: The learning rate with the lowest validation NLL.
        steps: Number of gradient steps.
        epochs: The same number in passes through the data.
        trials: Validation NLL in nats of each learning rate that was tried.
        trial_steps: Number of gradient steps of each trial.
        seconds: Seconds of the processor that the trials took.
    """

    rate: float
    steps: int
    epochs: float
    trials: dict[str, float]
    trial_steps: int
    seconds: float


def plan_training(
    name: str, fits: SeededFits, validation: Split, budget: Budget
) -> TrainingPlan:
    """Choose a learning rate by trials, and the number of steps by the time that is left.

    Arguments:
        name: The name of the fit, for error messages.
        fits: Runs a fit.
        validation: Data on which learning rates are compared.
        budget: The limits of the fit.

    Raises:
        ValueError: The budget is too short.
    """
    start = time.process_time()

    rates = fits.method.rates
    max_steps = budget.epochs * fits.steps_per_epoch
    min_steps = budget.min_epochs * fits.steps_per_epoch

    cost = measure_step_cost(fits, rates[0], budget)
    min_seconds = cost.step * min_steps
    if min_seconds > 3 * budget.seconds:
        raise _too_short(name, budget, min_seconds / (1 - _TRIAL_SHARE))

    affordable = _TRIAL_SHARE * budget.seconds / len(rates) / cost.step
    trial_steps = fits.possible_steps(
        _steps_of_a_trial(affordable, max_steps, fits.steps_per_epoch)
    )
    trials = Trials(fits, validation, trial_steps, cost)
    rate = trials.choose(rates) if len(rates) > 1 else rates[0]

    spent = time.process_time() - start
    cost = trials.cost
    begin = spent + cost.start
    num_steps = min((budget.seconds - begin) / cost.step, max_steps)
    if num_steps < min_steps:
        raise _too_short(name, budget, begin + cost.step * min_steps)

    steps = fits.possible_steps(num_steps)
    epochs = round(steps / fits.steps_per_epoch, 1)

    return TrainingPlan(
        rate, steps, epochs, trials.scores, trial_steps, round(spent, 1)
    )


def _steps_of_a_trial(affordable: float, max_steps: float, steps_per_epoch: int) -> int:
    """Return the number of steps of a trial.

    Arguments:
        affordable: Number of steps in its share of the time.
        max_steps: Number of steps of the fit at most.
        steps_per_epoch: Number of steps in a pass through the data.
    """
    longest = min(_LONGEST_TRIAL * max_steps, _LONGEST_TRIAL_EPOCHS * steps_per_epoch)
    shortest = min(_SHORTEST_TRIAL, math.ceil(max_steps))

    return max(round(min(longest, affordable)), shortest)


def _too_short(name: str, budget: Budget, needed: float) -> ValueError:
    """Return the error for a budget that is too short for the minimum number of epochs."""
    epochs = "one epoch"
    if budget.min_epochs != 1:
        epochs = f"{budget.min_epochs:g} of an epoch"

    factor = max(2, math.ceil(1.2 * needed / budget.seconds))

    return ValueError(
        f"the fit {name!r} has {budget.seconds:.2g} s of the budget, but trials of learning rates "
        f"and {epochs} take about {needed:.2g} s; write a budget {factor} times as large"
    )
