"""Memory for the draws of a block, which chains fill at their own pace."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.draws import TransitionInfo

_COUNTS = ("n_steps", "tree_depth")
_FLAGS = ("diverging", "reached_max_tree_depth")
_LAST = "reached_max_tree_depth"  # of the statistics of a tree


class DrawMemory(NamedTuple):
    """The draws of a block; chains fill it at their own pace.

    Arguments:
        u: Whitened positions, (C, S + 1, P); the last place takes what is no draw.
        stacked: Stacked statistics, (C, S + 1, F).
    """

    u: Tensor
    stacked: Tensor

    @classmethod
    def empty(cls, u: Tensor, num_draws: int) -> DrawMemory:
        """Return a memory for chains at u (C, P)."""
        num_chains, size = u.shape
        num_places = num_draws + 1
        num_statistics = TransitionInfo._fields.index(_LAST) + 1

        return cls(
            u.new_zeros(num_chains, num_places, size),
            u.new_zeros(num_chains, num_places, num_statistics),
        )

    def write(
        self,
        ended: Tensor,
        chains: Tensor,
        numbers: Tensor,
        u: Tensor,
        stacked: Tensor,
    ) -> None:
        """Write the draws of the trees that have ended.

        Arguments:
            ended: Mask of these trees, (R,).
            chains: Which chain each of them belongs to, (R,).
            numbers: Number of the draw of the chain, from 0, (R,).
            u: Whitened positions, (R, P).
            stacked: Stacked statistics, (R, F).
        """
        last = self.u.shape[1] - 1
        place = torch.where(ended, numbers, last)

        self.u[chains, place] = u
        self.stacked[chains, place] = stacked

    def num_steps(self) -> Tensor:
        """Return the leapfrog steps of all draws, (C, S)."""
        return unstack_info(self.stacked[:, :-1]).n_steps


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
