"""Memory for the draws of a block, which chains fill at their own pace."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.draws import TransitionInfo
from zoo.inference.mcmc.kernels.tree_rows import TreeRows

_COUNTS = ("n_steps", "tree_depth")
_FLAGS = ("diverging", "reached_max_tree_depth")
_LAST = "reached_max_tree_depth"  # of the statistics of a tree
NUM_STATISTICS = TransitionInfo._fields.index(_LAST) + 1  # F


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

        return cls(
            u.new_zeros(num_chains, num_places, size),
            u.new_zeros(num_chains, num_places, NUM_STATISTICS),
        )

    def write(self, rows: TreeRows, chains: Tensor, first: Tensor) -> None:
        """Write the draws that the rows of a batch hold.

        Arguments:
            rows: The rows.
            chains: Which chain each row belongs to, (R,).
            first: Number of the first of these draws of the chain, from 0, (R,).
        """
        places = torch.arange(rows.num_places, device=chains.device)
        is_draw = places < rows.count[:, None]
        number = first[:, None] + places
        last = self.u.shape[1] - 1
        place = torch.where(is_draw, number, last)

        chain = chains[:, None]
        self.u[chain, place] = rows.u[:, :-1]
        self.stacked[chain, place] = rows.stacked[:, :-1]

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
