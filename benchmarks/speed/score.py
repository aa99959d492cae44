"""The score of a sampler's run: effective draws of function values, per second and gradient."""

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

    The score is that of function values at 20 of the data's inputs. At new inputs this
    posterior has modes between which no sampler here moves; their R-hat is stated, and
    does not enter the score.

    Arguments:
        sampler: The library and the name of the sampler.
        values: Function values at 20 of the data's inputs, (C, S, 20).
        beyond: Function values at 20 new inputs, (C, S, 20).
        seconds_warmup: Wall time of warm-up, without compiling.
        seconds: Wall time of sampling, without compiling.
        seconds_compiling: Wall time of tracing and compiling.
        gradients: Number of gradients in sampling, of all chains.
        note: Further information.
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
        """The smallest effective sample size; zero if the largest R-hat is above 1.05."""
        if self.worst > WORST_RHAT:
            return 0.0

        return self._smallest_ess

    @property
    def _smallest_ess(self) -> float:
        sizes = ess(self.values)
        return float(sizes.min())

    @property
    def per_second(self) -> float:
        """Effective draws per second of sampling."""
        return self.least / self.seconds

    @property
    def microseconds(self) -> float:
        """Microseconds of a gradient of one chain."""
        return 1e6 * self.seconds / self.gradients

    def facts(self) -> Facts:
        """Return the score and its parts by name."""
        chains, draws = self.values.shape[:2]
        per_1000 = 1000 * self.least / self.gradients

        return {
            "sampler": self.sampler,
            "chains": chains,
            "draws": draws,
            "gradients a draw": round(self.gradients / chains / draws),
            "R-hat": finite(self.worst, 3),
            "least ESS": round(self._smallest_ess, 1),
            "ESS/s": round(self.per_second, 4),
            "ESS per 1000 gradients": round(per_1000, 5),
            "us a gradient": round(self.microseconds, 1),
            "warm-up s": round(self.seconds_warmup, 1),
            "sampling s": round(self.seconds, 1),
            "compiling s": round(self.seconds_compiling, 1),
            "R-hat, new inputs": finite(largest(self.beyond), 2),
            "note": self.note,
        }


def largest(values: np.ndarray) -> float:
    """Return the largest R-hat of function values (C, S, 20); infinity for one chain."""
    if len(values) == 1:
        return np.inf

    found = np.nan_to_num(rhat(values), nan=np.inf)
    return float(found.max())


def finite(number: float, digits: int) -> float | str:
    """Round a number; infinity, which JSON does not have, becomes a dash."""
    return round(number, digits) if np.isfinite(number) else "-"


def arrays(functions: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Split function values (C, S, 40) into those at the data's inputs and those at new ones."""
    values = functions.detach().cpu().numpy()
    return values[..., :20], values[..., 20:]
