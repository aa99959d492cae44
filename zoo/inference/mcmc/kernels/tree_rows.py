"""What the rows of a batch of trees have beside the trees: step sizes, and their last draws."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging

_MOST_PLACES = 64
_MOST_NUMBERS = 2**18  # of all places


class TreeRows(NamedTuple):
    """The state of the rows, which programs write to in place, so that Python has less to do.

    Arguments:
        step_size: Step sizes, (R,).
        centre: Of `DualAveraging`, (R,).
        error: Of `DualAveraging`, (R,).
        log_step: Of `DualAveraging`, (R,).
        log_average: Of `DualAveraging`, (R,).
        num_updates: Of `DualAveraging`, (R,).
        left: Trees that a row still ends, the present one included, (R,).
        count: Draws in the memory, (R,).
        u: Memory of whitened positions, (R, M + 1, P); the last place takes what is no draw.
        stacked: Memory of stacked statistics, (R, M + 1, F).
    """

    step_size: Tensor
    centre: Tensor
    error: Tensor
    log_step: Tensor
    log_average: Tensor
    num_updates: Tensor
    left: Tensor
    count: Tensor
    u: Tensor
    stacked: Tensor

    @classmethod
    def empty(cls, u: Tensor, num_statistics: int) -> Self:
        """Return rows for as many chains as there are positions u (R, P)."""
        num_rows = len(u)
        places = min(_MOST_PLACES, max(1, _MOST_NUMBERS // u.numel())) + 1
        scalar = u.new_zeros(num_rows)
        scalars = [scalar.clone() for _ in range(6)]
        counts = [scalar.long() for _ in range(2)]
        positions = u.new_zeros(num_rows, places, u.shape[1])

        return cls(
            *scalars,
            *counts,
            positions,
            u.new_zeros(num_rows, places, num_statistics),
        )

    @property
    def num_places(self) -> int:
        """Number of draws M of each row that the memory holds."""
        return self.u.shape[1] - 1

    @property
    def averaging(self) -> DualAveraging:
        """The state of dual averaging."""
        return DualAveraging(*[getattr(self, name) for name in DualAveraging._fields])

    def record(self, ended: Tensor, u: Tensor, stacked: Tensor) -> None:
        """Put the draws of trees that have ended into the memory.

        Arguments:
            ended: Mask of these trees, (R,).
            u: Whitened positions, (R, P).
            stacked: Stacked statistics, (R, F).
        """
        rows = torch.arange(len(ended), device=ended.device)
        place = torch.where(ended, self.count, self.num_places)
        self.u[rows, place] = u
        self.stacked[rows, place] = stacked

        number = ended.long()
        self.count.add_(number)
        self.left.sub_(number)

    def adapt(self, where: Tensor, rate: Tensor, target: float) -> None:
        """Adapt the step sizes of the rows of a mask (R,) to acceptance rates (R,)."""
        updated = self.averaging.updated(rate, target, where=where)
        for name, value in updated._asdict().items():
            getattr(self, name).copy_(value)

        step_size = torch.where(where, updated.step_size, self.step_size)
        self.step_size.copy_(step_size)
