"""The schedule of fast geometric ensembles: a triangular rate, and points where it is lowest."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.inference.swag.collecting import Collecting


@dataclass(frozen=True, kw_only=True)
class Triangles(Collecting):
    r"""A rate that falls from `swa_lr` to `low_lr` as a straight line and rises again.

    .. math:: \eta_i = \eta_1 + (\eta_2 - \eta_1) (1 - |2 t_i - 1|), \quad
        t_i = \frac{i \bmod c}{c}

    K points are collected where it is lowest, after c/2, 3c/2, ... steps. A cycle has
    c = T/(K - 1/2) of the T steps after the burn-in, so the run ends at the last point.

    Arguments:
        low_lr: The lowest learning rate.
    """

    low_lr: float

    def steps(self, num_steps: int) -> list[int]:
        """Return the numbers of steps after which a point is collected."""
        begin = self.begin(num_steps)
        left = num_steps - begin
        halves = 2 * self.cycles - 1

        return [
            begin + left * (2 * point + 1) // halves for point in range(self.cycles)
        ]

    def _rate_of_cycle(self, step: int, num_steps: int) -> float:
        length = num_steps / (self.cycles - 0.5)
        place = (step + 1) / length % 1.0
        fallen = 1 - abs(2 * place - 1)

        return self.swa_lr + (self.low_lr - self.swa_lr) * fallen
