"""Trials: short fits at several learning rates, until the best one has worse ones beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from zoo import metrics
from zoo.datasets import Split
from zoo.experiments.running.seeded_fits import SeededFits
from zoo.experiments.running.step_cost import StepCost
from zoo.inference.early_end import Diverged
from zoo.posterior.posterior import Posterior

_NUM_HELD_OUT = 5_000  # validation data on which learning rates are compared
_NUM_SAMPLES = 8  # draws with which learning rates are compared
_NUM_FURTHER = 4  # rates beyond the given ones that are tried at most


@dataclass
class Trials:
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
    cost: StepCost
    scores: dict[str, float] = field(default_factory=dict)

    def choose(self, rates: Sequence[float]) -> float:
        """Return the rate with the lowest validation NLL.

        If the best rate is the smallest or the largest, the next one in this direction is
        tried as well. So the chosen one has a worse one on either side.
        """
        for rate in rates:
            self._try(rate)

        for _ in range(_NUM_FURTHER):
            further = _beyond(self.scores)
            if further is None:
                break
            self._try(further)

        best = min(self.scores, key=self.scores.__getitem__)

        return float(best)

    def _try(self, rate: float) -> None:
        """Score a short fit, and keep the cost of its steps if it is lower."""
        start = time.process_time()
        try:
            posterior = self.fits.run(rate, self.num_steps)
        except Diverged:
            self.scores[f"{rate:g}"] = math.inf
            return

        seconds = time.process_time() - start
        of_steps = seconds - self.cost.start
        if of_steps > seconds / 2:  # else it says little of steps
            step = min(of_steps / self.num_steps, self.cost.step)
            self.cost = StepCost(step, self.cost.start)

        self.scores[f"{rate:g}"] = _held_out_nll(posterior, self.validation)


def _beyond(scores: dict[str, float]) -> float | None:
    """Return the next rate to try; None if the best one has a worse one on either side."""
    rates = sorted(float(rate) for rate in scores)
    best = min(rates, key=lambda rate: scores[f"{rate:g}"])

    if best == rates[-1]:
        return _rounded(best * best / rates[-2])
    if best == rates[0]:
        return _rounded(best * best / rates[1])
    return None


def _rounded(rate: float) -> float:
    """Return a rate with the digits that are shown."""
    return float(f"{rate:.1g}")


def _held_out_nll(posterior: Posterior, validation: Split) -> float:
    """Return the validation NLL in nats; infinity if the fit has diverged."""
    x = validation.x[:_NUM_HELD_OUT]
    y = validation.y[:_NUM_HELD_OUT]
    number = posterior.num_available(_NUM_SAMPLES)
    prediction = posterior.predict(x, num_samples=number, progress=False)
    log_prob = prediction.log_prob(y)
    nll = float(metrics.nll(log_prob))

    return nll if math.isfinite(nll) else math.inf
