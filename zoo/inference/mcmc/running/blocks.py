"""Blocks of draws, between which a run learns, stores what it has and writes its file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.running.run_options import RunOptions

BLOCK = 1000  # largest number of draws of a block
_FEWEST = 100  # that many, however large the model is
_NUMBERS = 2**23  # of the widest results for the draws of a block
_BYTES = 4  # of a number


def block_length(options: RunOptions, potential: Potential) -> int:
    """Return the largest number of draws of a block; it is larger for small models.

    Arguments:
        options: The settings of the run.
        potential: What is sampled.
    """
    if options.block is not None:
        return options.block

    widest = max(potential.size, potential.widest // _BYTES)
    fitting = _NUMBERS // (options.num_chains * widest)

    return min(BLOCK, max(_FEWEST, fitting))


def block_ends(bounds: Sequence[int], length: int) -> list[int]:
    """Return where blocks of draws end: at every bound, and in between every few draws.

    Arguments:
        bounds: Numbers of draws at which windows of warm-up, and the run, end.
        length: The largest number of draws of a block.
    """
    ends: list[int] = []
    for first, last in pairwise(bounds):
        if last > first:
            ends += [*range(first + length, last, length), last]

    return ends
