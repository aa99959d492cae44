"""Two sides in turn, A B A B, so that other work on the machine slows both of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

Side = Callable[[], object]


def in_turn(sides: Mapping[str, Side], rounds: int, calls: int = 1) -> dict[str, float]:
    """Return the median seconds of a call of each side, without a first round of warm-up."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, side in sides.items():
            times[name].append(seconds_of(side, calls))

    return _medians(times, skipped=1)


def seconds_of(side: Side, calls: int = 1) -> float:
    """Return the mean seconds of a call, including all work of the device."""
    wait()
    began = time.perf_counter()
    for _ in range(calls):
        side()
    wait()

    seconds = time.perf_counter() - began
    return seconds / calls


def wait() -> None:
    """Wait for the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class StepClock:
    """A scheduler that measures blocks of a fit's steps, and steps of rivals between them.

    The learning rate does not change. `inference.SVI` steps its scheduler after every
    step. At the end of a block the rivals take as many steps in turn. After the last
    block the fit is interrupted, as by Ctrl-C: `compile="auto"` has decided for the whole
    length of the fit, and its end is not needed. The first two blocks are warm-up.

    Arguments:
        rivals: Functions that take one step, by name.
        block: Steps in a block.
        blocks: Number of blocks to measure.
    """

    def __init__(self, rivals: Mapping[str, Side], block: int, blocks: int) -> None:
        self.rivals = rivals
        self.block = block
        self.blocks = blocks
        self.times: dict[str, list[float]] = {name: [] for name in ("ours", *rivals)}
        self.done = 0
        self.began = 0.0

    def __call__(self, optimizer: torch.optim.Optimizer) -> StepClock:
        """Return the scheduler of an optimiser."""
        return self

    def step(self) -> None:
        """Count one step of the fit, and measure at the end of a block."""
        self.done += 1
        if self.done % self.block != 0:
            return

        wait()
        seconds = time.perf_counter() - self.began
        self.times["ours"].append(seconds / self.block)

        for name, rival in self.rivals.items():
            self.times[name].append(seconds_of(rival, self.block))
        if self.done >= self.block * (self.blocks + 2):
            raise KeyboardInterrupt

        self.began = time.perf_counter()

    def medians(self) -> dict[str, float]:
        """Return the median seconds of a step of each side."""
        return _medians(self.times, skipped=2)


def _medians(times: Mapping[str, list[float]], skipped: int) -> dict[str, float]:
    """Return the median of each side's times, without the first ones."""
    medians = {}
    for name, found in times.items():
        medians[name] = statistics.median(found[skipped:])

    return medians
