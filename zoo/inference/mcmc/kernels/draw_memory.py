"""Memory for the draws of a block, which chains fill at their own pace."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.draws import TransitionInfo

_COUNTS = ("n_steps", "tree_depth")
_FLAGS = ("diverging", "reached_max_tree_depth")
_LAST = "reached_max_tree_depth"  # of the statistics of a tree
NUM_STATISTICS = TransitionInfo._fields.index(_LAST) + 1  # F


class StepRecords(NamedTuple):
    """What is known of the rows of a batch after each of some steps.

    Arguments:
        u: Whitened positions of their chosen leaves, (K, R, P).
        stacked: Stacked statistics of their trees, (K, R, F).
        ended: Whether their trees have ended at this step, so that these are draws, (K, R).
    """

    u: Tensor
    stacked: Tensor
    ended: Tensor


class DrawMemory(NamedTuple):
    """The draws of a block; chains fill it at their own pace.

    Arguments:
        u: Whitened positions, (C, S, P).
        stacked: Stacked statistics, (C, S, F).
    """

    u: Tensor
    stacked: Tensor

    @classmethod
    def empty(cls, u: Tensor, num_draws: int) -> DrawMemory:
        """Return a memory for chains at u (C, P)."""
        num_chains, size = u.shape

        return cls(
            u.new_zeros(num_chains, num_draws, size),
            u.new_zeros(num_chains, num_draws, NUM_STATISTICS),
        )

    def write(self, records: StepRecords, chains: Tensor, first: Tensor) -> int:
        """Write the draws of some steps, and return the most leapfrog steps of one of them.

        Arguments:
            records: What is known of the rows after each step.
            chains: Which chain each row belongs to, (R,).
            first: Number of the first of these draws of the chain, from 0, (R,).
        """
        step, row = records.ended.nonzero(as_tuple=True)
        if len(step) == 0:
            return 0

        so_far = records.ended.cumsum(0) - 1
        number = first[row] + so_far[step, row]
        place = (chains[row], number)
        stacked = records.stacked[step, row]
        self.u[place] = records.u[step, row]
        self.stacked[place] = stacked

        return int(unstack_info(stacked).n_steps.max())

    def num_steps(self) -> Tensor:
        """Return the leapfrog steps of all draws, (C, S)."""
        return unstack_info(self.stacked).n_steps


def stack_info(info: TransitionInfo) -> Tensor:
    """Return F statistics (C,) as one tensor (C, F): one write per draw instead of F."""
    like = info.lp
    values = []
    for value in info.named().values():
        values.append(value.to(like))

    return torch.stack(values, -1)


def unstack_info(stacked: Tensor) -> TransitionInfo:
    """Return the statistics (*,) of a tensor (*, F) as views, all of its dtype."""
    return TransitionInfo(*stacked.unbind(-1))


def typed_info(stacked: Tensor) -> TransitionInfo:
    """Return the statistics (*,) of a tensor (*, F), counts as integers and flags as booleans."""
    info = unstack_info(stacked)

    typed = {}
    for name, value in info.named().items():
        if name in _COUNTS:
            typed[name] = value.long()
        elif name in _FLAGS:
            typed[name] = value > 0
        else:
            typed[name] = value

    return TransitionInfo(**typed)
