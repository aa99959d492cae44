"""The plan of a fit within a budget: which learning rate it has, and how many steps it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from zoo import metrics
from zoo.datasets import Split
from zoo.experiments.running.seeded_fits import SeededFits
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior

_TRIAL_SHARE = 0.25  # of the time, for trials of learning rates
_WARMUP_STEPS = 2  # of a first run, which also pays for late imports
_PROBE_STEPS = 12  # of a second run, which measures the seconds of a step
_NUM_HELD_OUT = 2_000  # validation data on which learning rates are compared
_NUM_SAMPLES = 8  # draws with which learning rates are compared


@dataclass(frozen=True)
class Budget:
    """The limits of a fit.

    Arguments:
        seconds: The time that the fit may take; infinite for the published number of
            epochs.
        epochs: The published number of passes through the data, which is the maximum.
        min_epochs: The number of epochs below which the budget is too short.
    """

    seconds: float
    epochs: float
    min_epochs: float


@dataclass(frozen=True)
class TrainingPlan:
    """What is decided before a fit starts. Its fields are the keys of the file of a fit.

    Arguments:
        rate: The learning rate with the lowest validation NLL, for the first step.
        steps: Number of gradient steps.
        epochs: The same number in passes through the data.
        trials: Validation NLL in nats of each learning rate that was tried.
        trial_steps: Number of gradient steps of each trial.
        seconds: Seconds that the trials took.
    """

    rate: float
    steps: int
    epochs: float
    trials: dict[str, float]
    trial_steps: int
    seconds: float


def plan_training(
    name: str,
    fits: SeededFits,
    validation: Split,
    budget: Budget,
    learning_rates: Sequence[float],
) -> TrainingPlan:
    """Choose a learning rate by trials, and the number of steps by the time that is left.

    Arguments:
        name: The name of the fit, for error messages.
        fits: Runs a fit.
        validation: Data on which learning rates are compared.
        budget: The limits of the fit.
        learning_rates: Learning rates to choose from; one alone is not tried.

    Raises:
        ValueError: The budget is too short.
    """
    start = time.perf_counter()

    steps_per_epoch = fits.steps_per_epoch
    max_steps = budget.epochs * steps_per_epoch
    min_steps = budget.min_epochs * steps_per_epoch

    cost = _measure_step_cost(fits, learning_rates[0])
    seconds = budget.seconds
    if math.isinf(seconds):
        seconds = 4 * cost.step * steps_per_epoch / _TRIAL_SHARE

    min_seconds = cost.step * min_steps
    if min_seconds > 3 * seconds:
        raise _too_short(name, budget, min_seconds)

    trial_seconds = seconds * _TRIAL_SHARE / len(learning_rates)
    trial_steps = round(trial_seconds / cost.step)
    trial_steps = min(trial_steps, round(max_steps))
    trial_steps = max(trial_steps, _PROBE_STEPS)

    trials = _Trials(fits, validation, trial_steps, cost)
    best = learning_rates[0]
    if len(learning_rates) > 1:
        best = trials.run(learning_rates)

    spent = time.perf_counter() - start
    cost = trials.cost
    left = budget.seconds - spent - cost.tracing
    num_steps = min(left / cost.step, max_steps)
    if num_steps < min_steps:
        raise _too_short(name, budget, cost.step * min_steps)

    num_steps = int(num_steps)
    epochs = round(num_steps / steps_per_epoch, 1)
    seconds = round(spent, 1)

    return TrainingPlan(best, num_steps, epochs, trials.scores, trial_steps, seconds)


@dataclass(frozen=True)
class _StepCost:
    """Seconds of a gradient step, and seconds of tracing before the first step."""

    step: float
    tracing: float


@dataclass
class _Trials:
    """Short fits, one for each learning rate.

    Arguments:
        fits: Runs a fit.
        validation: Data on which learning rates are compared.
        num_steps: Number of gradient steps of each trial.
        cost: The cost of a step, which the trials make more precise.
        scores: Validation NLL in nats by learning rate.
    """

    fits: SeededFits
    validation: Split
    num_steps: int
    cost: _StepCost
    scores: dict[str, float] = field(default_factory=dict)

    def run(self, learning_rates: Sequence[float]) -> float:
        """Try every learning rate, and return the one with the lowest validation NLL."""
        for learning_rate in learning_rates:
            posterior = self.fits.run(learning_rate, self.num_steps)
            self._update_cost(_info(posterior))

            key = f"{learning_rate:g}"
            self.scores[key] = _held_out_nll(posterior, self.validation)

        best = min(self.scores, key=self.scores.__getitem__)

        return float(best)

    def _update_cost(self, info: SVIInfo) -> None:
        tracing = info.seconds_tracing
        step = (info.seconds - tracing) / self.num_steps

        step = min(step, self.cost.step)
        tracing = max(tracing, self.cost.tracing)
        self.cost = _StepCost(step, tracing)


def _measure_step_cost(fits: SeededFits, learning_rate: float) -> _StepCost:
    """Return the cost of a step, from a run of a few steps after a shorter one."""
    fits.run(learning_rate, _WARMUP_STEPS, quiet=True)
    posterior = fits.run(learning_rate, _PROBE_STEPS, quiet=True)
    info = _info(posterior)

    return _StepCost(info.seconds / _PROBE_STEPS, info.seconds_tracing)


def _info(posterior: Posterior) -> SVIInfo:
    """Return the info of a fit by stochastic variational inference."""
    return cast(SVIInfo, posterior.info)


def _held_out_nll(posterior: Posterior, validation: Split) -> float:
    """Return the validation NLL in nats; infinity if the fit has diverged."""
    x = validation.x[:_NUM_HELD_OUT]
    y = validation.y[:_NUM_HELD_OUT]
    prediction = posterior.predict(x, num_samples=_NUM_SAMPLES, progress=False)
    log_prob = prediction.log_prob(y)
    nll = float(metrics.nll(log_prob))

    return nll if math.isfinite(nll) else math.inf


def _too_short(name: str, budget: Budget, min_seconds: float) -> ValueError:
    """Return the error for a budget that is too short for the minimum number of epochs."""
    epochs = "one epoch"
    if budget.min_epochs != 1:
        epochs = f"{budget.min_epochs:g} of an epoch"

    needed = min_seconds / (1 - _TRIAL_SHARE)
    ratio = needed / budget.seconds
    factor = math.ceil(1.2 * ratio)

    return ValueError(
        f"the fit {name!r} has {budget.seconds:.2g} s of the budget, but trials of learning rates "
        f"and {epochs} take about {needed:.2g} s; write a budget {factor} times as large"
    )
