"""Two sides in turn, A B A B, so that whatever else the machine does meets both of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

Side = Callable[[], object]


def in_turn(sides: Mapping[str, Side], rounds: int, calls: int = 1) -> dict[str, float]:
    """Return the median seconds of a call of each side; the first round warms up and does not count."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, side in sides.items():
            times[name].append(seconds_of(side, calls))
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def seconds_of(side: Side, calls: int = 1) -> float:
    """Return the mean seconds of a call, all work of the device included."""
    wait()
    began = time.perf_counter()
    for _ in range(calls):
        side()
    wait()
    return (time.perf_counter() - began) / calls


def wait() -> None:
    """Wait for the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class Beside:
    """A learning-rate scheduler that leaves the rate alone: it clocks blocks of a fit's steps, and rivals between them.

    `inference.SVI` steps its scheduler after every step. At the end of a block the
    rivals take as many steps in turn; after the last block the fit is ended as Ctrl-C
    would end it: `compile="auto"` has decided for the long fit that it was told of, and
    nobody waits for its end. The first two blocks warm up.

    Arguments:
        rivals: What is compared with, by name: callables that take one step.
        block: Steps in a block.
        blocks: Blocks to measure.
    """

    def __init__(self, rivals: Mapping[str, Side], block: int, blocks: int) -> None:
        self.rivals, self.block, self.blocks = rivals, block, blocks
        self.times: dict[str, list[float]] = {name: [] for name in ("ours", *rivals)}
        self.done, self.began = 0, 0.0

    def __call__(self, optimizer: torch.optim.Optimizer) -> Beside:
        """Be made for an optimiser."""
        return self

    def step(self) -> None:
        """Follow one step of the fit."""
        self.done += 1
        if self.done % self.block:
            return
        wait()
        self.times["ours"].append((time.perf_counter() - self.began) / self.block)
        for name, rival in self.rivals.items():
            self.times[name].append(seconds_of(rival, self.block))
        if self.done >= self.block * (self.blocks + 2):
            raise KeyboardInterrupt
        self.began = time.perf_counter()

    def medians(self) -> dict[str, float]:
        """Return the median seconds of a step of each side."""
        return {
            name: statistics.median(found[2:]) for name, found in self.times.items()
        }
