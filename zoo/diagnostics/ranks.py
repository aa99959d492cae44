"""Ranks of true values among posterior draws, and the test that they are uniform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVEL = 0.95  # of the bands, for all quantities together
_REPLICATES = 4000  # sets of uniform ranks that the bands are computed from
_NUM_SHOWN = 4  # quantities that the text names


@dataclass(frozen=True, repr=False, eq=False)
class Ranks:
    """Ranks of the true value among the posterior's draws, uniform for an exact engine.

    Arguments:
        ranks: Rank in each simulation, (L,), from 0 to the number of draws, by
            quantity.
        num_samples: Number of draws of each posterior.

    Example:
        >>> even = torch.arange(10).repeat(10)
        >>> Ranks({"f[0]": even}, num_samples=9)
        calibrated: 1 quantities in 100 simulations of 9 draws, all within the bands
        >>> Ranks({"f[0]": 9 * (even % 2)}, num_samples=9)  # the truth is outside all draws
        not calibrated: ... 1 outside the bands: f[0] (draws too narrow)
    """

    ranks: Mapping[str, Tensor]
    num_samples: int

    @property
    def num_simulations(self) -> int:
        """Number of simulations L."""
        return len(next(iter(self.ranks.values())))

    @property
    def deviations(self) -> dict[str, float]:
        """Distance of each quantity from uniform ranks, in half widths of the band."""
        found = {}
        for name, ranks in self.ranks.items():
            distance = _distance(ranks, self.num_samples)
            found[name] = float(distance / self.critical)

        return found

    @property
    def outside(self) -> list[str]:
        """The quantities that leave the bands, the farthest first."""
        deviations = self.deviations
        names = [name for name, value in deviations.items() if value > 1]
        names.sort(key=deviations.__getitem__, reverse=True)

        return names

    @property
    def critical(self) -> float:
        """The distance that one quantity of all exceeds with a probability of 5 %."""
        return _critical(self.num_simulations, self.num_samples, len(self.ranks))

    def plot(self) -> Axes:
        """Draw the distribution functions less the uniform one, with the bands."""
        from zoo import plots

        return plots.ranks(self.ranks, self.num_samples, self.critical)

    def __str__(self) -> str:
        simulations = f"{self.num_simulations} simulations of {self.num_samples} draws"
        num_quantities = len(self.ranks)
        tested = f"{num_quantities} quantities in {simulations}"

        outside = self.outside
        if not outside:
            return f"calibrated: {tested}, all within the bands"

        shown = []
        for name in outside[:_NUM_SHOWN]:
            fault = _fault(self.ranks[name], self.num_samples)
            shown.append(f"{name} ({fault})")

        names = ", ".join(shown)

        number = len(outside)
        return f"not calibrated: {tested}, {number} outside the bands: {names}"

    __repr__ = __str__


def _distance(ranks: Tensor, num_samples: int) -> Tensor:
    """Return the largest standardised distance from the uniform distribution of ranks (*, L)."""
    *batch, num_simulations = ranks.shape
    num_ranks = num_samples + 1

    ones = torch.ones_like(ranks, dtype=torch.float64)
    counts = torch.zeros(*batch, num_ranks, dtype=torch.float64)
    counts.scatter_add_(-1, ranks, ones)
    below = counts.cumsum(-1) / num_simulations

    expected = torch.arange(1, num_ranks) / num_ranks
    variance = expected * (1 - expected) / num_simulations

    differences = below[..., :-1] - expected
    distances = differences.abs() / variance.sqrt()
    return distances.amax(-1)


@lru_cache
def _critical(num_simulations: int, num_samples: int, num_quantities: int) -> float:
    """Return the distance that some of several uniform quantities exceed in 5 % of cases."""
    random = torch.Generator().manual_seed(0)
    shape = (_REPLICATES, num_simulations)
    uniform = torch.randint(num_samples + 1, shape, generator=random)

    distances = _distance(uniform, num_samples)
    probability = 1 - (1 - _LEVEL) / num_quantities
    return float(distances.quantile(probability))


def _fault(ranks: Tensor, num_samples: int) -> str:
    """Say what is wrong with draws; narrow ones have true values at both ends."""
    positions = (ranks.double() + 0.5) / (num_samples + 1)  # between 0 and 1

    shift = float(positions.mean()) - 0.5
    if abs(shift) > 0.08:
        return "draws too low" if shift > 0 else "draws too high"

    is_narrow = float(positions.var()) > 1 / 12
    return "draws too narrow" if is_narrow else "draws too wide"
