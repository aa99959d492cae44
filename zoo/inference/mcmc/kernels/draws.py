"""Draws of all chains: the statistics of a transition, and blocks of consecutive draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Merge = Callable[[list[Tensor], int], Tensor]  # torch.cat or torch.stack


class TransitionInfo(NamedTuple):
    """Statistics of one transition, (C,) each, or of a block of draws, (C, S) each.

    Arguments:
        acceptance_rate: Acceptance probability of the proposal.
        diverging: Whether the energy error was too large or not finite.
        n_steps: Gradient evaluations of the draw.
        lp: Log joint density in unconstrained space, up to a constant.
        energy: Potential plus kinetic energy; None in kernels that draw no momenta.
        tree_depth: Doublings of the trajectory; None in kernels without trees.
        reached_max_tree_depth: Whether there were as many doublings as allowed; None in
            kernels without trees.
        kinetic_temperature: That of the momenta over the temperature of the target; None in
            kernels that accept or reject, and in those without momenta.
        configurational_temperature: That of the positions; None in kernels that accept or
            reject.
    """

    acceptance_rate: Tensor
    diverging: Tensor
    n_steps: Tensor
    lp: Tensor
    energy: Tensor | None = None
    tree_depth: Tensor | None = None
    reached_max_tree_depth: Tensor | None = None
    kinetic_temperature: Tensor | None = None
    configurational_temperature: Tensor | None = None

    def named(self) -> dict[str, Tensor]:
        """Return the statistics by name, without those that are None."""
        fields = self._asdict()
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class DrawBlock:
    """Consecutive draws of all chains.

    Arguments:
        q: Positions in unconstrained space, (C, S, P).
        info: The statistics of the draws, (C, S) each.
        ended_by: The Ctrl-C or the error of the program that ended the block early.
    """

    q: Tensor
    info: TransitionInfo
    ended_by: BaseException | None = None

    @property
    def num_draws(self) -> int:
        """Number of draws S of each chain."""
        return self.q.shape[1]

    def info_of(self, number: int) -> TransitionInfo:
        """Return the statistics of one of the draws, (C,) each."""
        named = self.info.named()
        return TransitionInfo(**{key: value[:, number] for key, value in named.items()})

    @classmethod
    def of_draws(
        cls,
        positions: list[Tensor],
        infos: list[TransitionInfo],
        ended_by: BaseException | None = None,
    ) -> DrawBlock:
        """Stack single draws: positions (C, P) and statistics (C,)."""
        q = torch.stack(positions, 1)
        return cls(q, _merge(torch.stack, infos), ended_by)

    @classmethod
    def empty(cls, q: Tensor, ended_by: BaseException | None = None) -> DrawBlock:
        """Return a block without draws for chains at q (C, P)."""
        zeros = q.new_zeros(len(q), 0)
        info = TransitionInfo(zeros, zeros.bool(), zeros.long(), zeros)

        no_draws = q[:, None][:, :0]

        return cls(no_draws, info, ended_by)

    @classmethod
    def joined(cls, blocks: Sequence[DrawBlock]) -> DrawBlock:
        """Concatenate blocks."""
        positions = [block.q for block in blocks]
        infos = [block.info for block in blocks]

        q = torch.cat(positions, 1)

        return cls(q, _merge(torch.cat, infos))


def _merge(merge: Merge, infos: Sequence[TransitionInfo]) -> TransitionInfo:
    """Merge every statistic along dimension 1."""
    merged = {}
    for name in infos[0].named():
        values = [info.named()[name] for info in infos]
        merged[name] = merge(values, 1)

    return TransitionInfo(**merged)
