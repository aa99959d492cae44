"""The windows of warm-up: what is adapted in which part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MIN_WARMUP = 20  # draws; a shorter warm-up adapts the step size alone
_LONG_WARMUP = 150
_FIRST, _LAST = 75, 50  # windows of a long warm-up
_SECOND = 25


class Window(NamedTuple):
    """A part of warm-up.

    Arguments:
        num_draws: Draws per chain.
        learns: Whether the kernel learns from all draws of the window when it ends.
    """

    num_draws: int
    learns: bool


def stan_windows(warmup_steps: int) -> Sequence[Window]:
    """Divide warm-up as Stan does: step sizes, windows of doubling length that learn, step sizes.

    Other than in Stan, the last window is a third of a short warm-up, because the first step
    sizes are too large.

    References:
        Stan Reference Manual: HMC Algorithm Parameters (Stan Development Team, 2024)
    """
    if warmup_steps < MIN_WARMUP:
        return [Window(warmup_steps, learns=False)]

    first = int(0.15 * warmup_steps)
    last = warmup_steps // 3
    if warmup_steps >= _LONG_WARMUP:
        first, last = _FIRST, _LAST

    windows = [Window(first, learns=False)]
    length = _SECOND

    left = warmup_steps - first - last
    while left > 0:
        is_last = left < 3 * length
        if is_last:
            length = left

        windows.append(Window(length, learns=True))
        left = left - length
        length = 2 * length

    return [*windows, Window(last, learns=False)]
