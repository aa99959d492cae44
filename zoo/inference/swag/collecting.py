"""When a run of SGD collects points, and at which learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from zoo.inference.schedules import ShareOfPeak
from zoo.inference.swag.moments import PathMoments
from zoo.runtime.counts import check_count

_CONSTANT, _FALLEN = 0.5, 0.9  # shares of the burn-in between which the rate changes
_END_OF_CYCLE = 0.01  # of the rate at the beginning of a cycle


@dataclass(frozen=True, kw_only=True)
class Collecting:
    """The schedule of a run that averages weights; `SWA` says what each number means.

    It makes the moments of a run as its `average`, and its `rates` are the scheduler.

    Arguments:
        num_epochs: Passes through the data.
        burn_in: Those before the first point.
        cycles: Number of cycles after the burn-in; 0 for a constant rate.
        lr: Learning rate at the beginning.
        swa_lr: Learning rate after the burn-in.
        points: Number of points after the burn-in, at equal distances; None for one at the
            end of each cycle, or of each epoch without cycles.
        rank: Number of points to keep; None for the mean alone.

    Raises:
        ValueError: A number out of range; a number of points beside cycles.
    """

    num_epochs: int
    burn_in: int
    cycles: int
    lr: float
    swa_lr: float
    points: int | None = None
    rank: int | None = None

    def __post_init__(self) -> None:
        check_count("num_epochs", self.num_epochs)
        check_count("burn_in", self.burn_in, minimum=0)
        check_count("cycles", self.cycles, minimum=0)
        left = self.num_epochs - self.burn_in
        if left < 1:
            raise ValueError(
                f"burn_in={self.burn_in} leaves no epoch of {self.num_epochs} to average; write "
                "a smaller burn_in"
            )

        if self.cycles > left:
            raise ValueError(
                f"cycles must be at most the {left} epochs after the burn-in, not {self.cycles}"
            )

        if self.points is not None:
            self._check_points(self.points)

    def _check_points(self, points: int) -> None:
        check_count("points", points)
        if self.cycles > 0:
            raise ValueError(
                f"points={points} is of a constant rate, and a cycle has a point at its end; omit "
                "it, or write cycles=0"
            )

    @property
    def num_points(self) -> int:
        """Number of points that a whole run collects."""
        return self.points or self.cycles or self.num_epochs - self.burn_in

    def begin(self, num_steps: int) -> int:
        """Return the number of steps of the burn-in, of so many in all."""
        return num_steps * self.burn_in // self.num_epochs

    def steps(self, num_steps: int) -> list[int]:
        """Return the numbers of steps after which a point is collected."""
        begin = self.begin(num_steps)
        left = num_steps - begin

        return [
            begin + left * (point + 1) // self.num_points
            for point in range(self.num_points)
        ]

    def __call__(
        self, weights: Sequence[Tensor], others: Sequence[Tensor], num_steps: int
    ) -> PathMoments:
        """Return the moments of a run that has not begun."""
        return PathMoments(weights, others, self.steps(num_steps), self.rank)

    def rates(self, optimizer: Optimizer, num_steps: int) -> LambdaLR:
        """Return the scheduler of a run of so many steps."""
        return LambdaLR(optimizer, ShareOfPeak(self, num_steps))

    def rate(self, step: int, num_steps: int) -> float:
        """Return the learning rate of a step.

        It is `lr` in the first half of the burn-in and falls to `swa_lr` as a straight line
        until nine tenths of it. In a cycle it falls as a straight line to a hundredth.

        Arguments:
            step: Number of steps before it, from 0.
            num_steps: Number of steps of the run.
        """
        begin = self.begin(num_steps)
        if step < begin:
            way = (step / begin - _CONSTANT) / (_FALLEN - _CONSTANT)
            return self.lr + (self.swa_lr - self.lr) * min(1.0, max(0.0, way))

        return self._rate_of_cycle(step - begin, num_steps - begin)

    def _rate_of_cycle(self, step: int, num_steps: int) -> float:
        """Return the learning rate of a step after the burn-in.

        Arguments:
            step: Number of steps before it, without the burn-in.
            num_steps: Number of steps, without the burn-in.
        """
        if self.cycles == 0:
            return self.swa_lr

        place = step * self.cycles / num_steps % 1.0

        return self.swa_lr * (1 - (1 - _END_OF_CYCLE) * place)

    def share(self, step: int, num_steps: int) -> float:
        """Return the learning rate of a step as a share of that at the beginning."""
        return self.rate(step, num_steps) / self.lr
