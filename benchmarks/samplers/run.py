"""A run of a sampler within a budget: warm-up, a few draws for their cost, and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from zoo.posterior.labelled import ess, rhat

PILOT = 20  # draws of every chain whose cost is measured
MOST_VALUES = 20_000_000  # function values kept of one run


@dataclass
class Cost:
    """What a part of a run took.

    Arguments:
        gradients: Gradients of all chains.
        seconds: Wall time in seconds, without tracing and compiling.
        compiling: Wall time of tracing and compiling.
    """

    gradients: int
    seconds: float
    compiling: float = 0.0


@dataclass(frozen=True)
class Budget:
    """When sampling ends.

    Arguments:
        gradients: Gradients of all chains in sampling.
        seconds: Seconds of sampling; None for no limit.
        warmup: Draws of warm-up, or the share of the budget that a sampler whose warm-up is
            counted in steps has for them.
    """

    gradients: float
    seconds: float | None = None
    warmup: int = 500


class Side(Protocol):
    """A sampler of some library on some posterior, with a seed and a number of chains.

    `restarts` says that it is not continued, so that every call of `draw` is a new run.
    """

    restarts: bool

    def warm_up(self, budget: Budget) -> Cost:
        """Adapt."""
        ...

    def draw(self, number: int) -> tuple[np.ndarray, Cost]:
        """Return the function values (C, number, M) of further draws, and what they took."""
        ...


class Restarting:
    """A sampler that is not continued: each call of `draw` is a new run with a warm-up."""

    restarts = True

    def warm_up(self, budget: Budget) -> Cost:
        """Keep the number of draws of warm-up; `draw` tells its cost."""
        self.warmup = budget.warmup
        self.warmup_cost = Cost(0, 0.0)

        return self.warmup_cost


@dataclass
class Outcome:
    """The function values of a run (C, S, M), and what it took.

    Arguments:
        values: Function values.
        warmup: Cost of warm-up.
        sampling: Cost of sampling.
    """

    values: np.ndarray
    warmup: Cost
    sampling: Cost

    def facts(self) -> dict[str, float | int | None]:
        """Return what a row keeps."""
        chains, draws, _ = self.values.shape
        sizes = ess(self.values)
        worst = (
            np.nan_to_num(rhat(self.values), nan=np.inf).max() if draws > 3 else np.inf
        )
        thousand = self.sampling.gradients / 1000
        seconds = self.sampling.seconds

        return {
            "draws": draws,
            "rhat": float(worst) if chains > 1 and np.isfinite(worst) else None,
            "least": float(sizes.min()),
            "median": float(np.median(sizes)),
            "gradients": self.sampling.gradients,
            "seconds": seconds,
            "least_per_1000": float(sizes.min()) / thousand,
            "median_per_1000": float(np.median(sizes)) / thousand,
            "least_per_second": float(sizes.min()) / seconds,
            "median_per_second": float(np.median(sizes)) / seconds,
            "microseconds": 1e6 * seconds / self.sampling.gradients,
            "warmup_gradients": self.warmup.gradients,
            "warmup_seconds": self.warmup.seconds,
            "compiling": self.warmup.compiling + self.sampling.compiling,
        }


def run(side: Side, budget: Budget) -> Outcome:
    """Run a sampler until its budget is spent."""
    warmup = side.warm_up(budget)
    first, cost = side.draw(PILOT)

    shares = [budget.gradients / cost.gradients]
    if budget.seconds is not None:
        shares.append(budget.seconds / cost.seconds)

    chains, _, functions = first.shape
    most = MOST_VALUES // (chains * functions)
    rest = min(int(PILOT * min(shares)), most) - PILOT
    if rest < 1:
        return Outcome(first, warmup, cost)

    if side.restarts:
        values, cost = side.draw(PILOT + rest)
        return Outcome(values, warmup, cost)

    second, more = side.draw(rest)
    total = Cost(
        cost.gradients + more.gradients,
        # the first draws also take what a program needs when it is new
        more.seconds * (1 + cost.gradients / more.gradients),
        cost.compiling + more.compiling,
    )

    return Outcome(np.concatenate([first, second], 1), warmup, total)
