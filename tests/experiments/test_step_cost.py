"""The cost of a step: what a run does before its first step is no part of it."""

import math
from dataclasses import dataclass

import pytest

from zoo.experiments.running import step_cost
from zoo.experiments.running.budget import Budget
from zoo.experiments.running.step_cost import StepCost, measure_step_cost


@dataclass
class KnownFits:
    """Fits of known seconds, in place of those of a model."""

    start: float
    step: float
    steps_per_epoch: int = 10
    now: float = 0.0
    total: int = 0
    first: bool = True

    def run_briefly(self, rate: float, num_steps: int) -> tuple[None, int]:
        imports = 3.0 if self.first else 0.0
        self.first = False
        self.now += imports + self.start + num_steps * self.step
        self.total += num_steps

        return None, num_steps


def measured(fits: KnownFits, seconds: float, epochs: float, monkeypatch) -> StepCost:
    monkeypatch.setattr(step_cost.time, "process_time", lambda: fits.now)
    return measure_step_cost(fits, 1e-3, Budget(seconds, epochs, 1))


@pytest.mark.parametrize("step", [0.5, 0.05, 0.002])
def test_tracing_is_no_part_of_a_step(step, monkeypatch):
    fits = KnownFits(start=1.1, step=step)
    cost = measured(fits, 300.0, math.inf, monkeypatch)
    assert cost.step == pytest.approx(step)
    assert cost.start == pytest.approx(1.1)
    assert fits.now < 0.1 * 300  # of the budget
    assert (
        step + 1.1 / 12 > 1.15 * cost.step
    )  # the wrong answer, by which fits were short


def test_a_run_is_not_prolonged_if_all_epochs_fit(monkeypatch):
    fits = KnownFits(start=1.1, step=0.05)
    cost = measured(fits, 300.0, 5, monkeypatch)
    assert fits.total == 2 + 12
    assert cost.step == pytest.approx(0.05 + 1.1 / 12)  # too high, and high enough


def test_a_short_budget_has_no_long_run(monkeypatch):
    fits = KnownFits(start=1.1, step=0.001)
    cost = measured(fits, 4.0, math.inf, monkeypatch)
    assert fits.total == 2 + 12
    assert cost.start == 0.0
