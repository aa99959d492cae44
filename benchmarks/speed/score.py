"""What a sampler's run is worth: effective draws of 20 function values, per second and per gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from benchmarks.speed.row import Facts
from zoo.posterior.labelled import ess, rhat

WORST_RHAT = 1.05


@dataclass
class Score:
    """A run of one sampler.

    Function values at 20 of the data's inputs decide. At new inputs this posterior has
    modes between which no sampler here moves; their R-hat is stated, and nothing hangs
    on it.

    Arguments:
        sampler: Whose it is.
        values: Function values at 20 of the data's inputs, (C, S, 20).
        beyond: Function values at 20 new inputs, (C, S, 20).
        seconds_warmup: Wall time of warm-up, without compiling.
        seconds: Wall time of sampling, without compiling.
        seconds_compiling: Wall time of tracing and compiling.
        gradients: Gradients evaluated in sampling, all chains together.
        note: What else there is to say.
    """

    sampler: str
    values: np.ndarray
    beyond: np.ndarray
    seconds_warmup: float
    seconds: float
    seconds_compiling: float
    gradients: int
    note: str = ""

    @property
    def worst(self) -> float:
        """The largest R-hat of the 20."""
        return largest(self.values)

    @property
    def least(self) -> float:
        """The smallest effective sample size of the 20, zero where the largest R-hat is above 1.05."""
        return float(ess(self.values).min()) if self.worst <= WORST_RHAT else 0.0

    @property
    def per_second(self) -> float:
        """Effective draws per second of sampling."""
        return self.least / self.seconds

    @property
    def microseconds(self) -> float:
        """Microseconds of a gradient of one chain."""
        return 1e6 * self.seconds / self.gradients

    def facts(self) -> Facts:
        """Return all of it in numbers."""
        chains, draws = self.values.shape[:2]
        return {
            "sampler": self.sampler,
            "chains": chains,
            "draws": draws,
            "gradients a draw": round(self.gradients / chains / draws),
            "R-hat": finite(self.worst, 3),
            "least ESS": round(float(ess(self.values).min()), 1),
            "ESS/s": round(self.per_second, 4),
            "ESS per 1000 gradients": round(1000 * self.least / self.gradients, 5),
            "us a gradient": round(self.microseconds, 1),
            "warm-up s": round(self.seconds_warmup, 1),
            "sampling s": round(self.seconds, 1),
            "compiling s": round(self.seconds_compiling, 1),
            "R-hat, new inputs": finite(largest(self.beyond), 2),
            "note": self.note,
        }


def largest(values: np.ndarray) -> float:
    """Return the largest R-hat of function values (C, S, 20); infinite where one chain says nothing."""
    return (
        float(np.nan_to_num(rhat(values), nan=np.inf).max())
        if len(values) > 1
        else np.inf
    )


def finite(number: float, digits: int) -> float | str:
    """Round a number; a dash, which JSON knows, in place of infinity."""
    return round(number, digits) if np.isfinite(number) else "-"


def arrays(functions: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Split function values (C, S, 40) into those at the data's inputs and those at new ones."""
    values = functions.detach().cpu().numpy()
    return values[..., :20], values[..., 20:]
