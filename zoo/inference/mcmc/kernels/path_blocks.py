"""Blocks of draws, each draw the end of a path whose length is known before it begins."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from zoo.inference.mcmc.kernels.chains import Tick
from zoo.inference.mcmc.kernels.draws import DrawBlock
from zoo.inference.mcmc.kernels.kernel import Kernel
from zoo.tracing.traced import Traced


class PathBlocks(Kernel):
    """Chains that follow paths of steps; a compiled program takes those of many draws.

    A member makes the program `steps`, says how long the next paths are, and follows them.
    """

    steps: Traced

    @property
    def divisible(self) -> bool:
        """Whether a run can go on after any draw: not where one call makes many."""
        return self.steps.how != "compiled"

    def draw_lengths(self, num_draws: int) -> Tensor:
        """Return the steps of the paths of the next draws, (S,) or (S, C)."""
        raise NotImplementedError

    def paths(self, lengths: Tensor) -> DrawBlock:
        """Make one draw of every chain after each of some numbers of steps.

        Arguments:
            lengths: The steps, (S,), or (S, C) if they differ between chains.
        """
        raise NotImplementedError

    def draw(self, num_draws: int, tick: Tick, adapting: bool = False) -> DrawBlock:
        """Draw from every chain, in warm-up draw by draw; what there is at Ctrl-C is kept."""
        blocks: list[DrawBlock] = []
        done = 0
        ended_by: BaseException | None = None

        try:
            while done < num_draws:
                left = 1 if adapting else num_draws - done
                block = self.paths(self.next_lengths(left))
                if adapting:
                    self.adapt(block.info_of(0))

                blocks.append(block)
                done += block.num_draws
                tick(done, self.progress_text(block.info))
        except (KeyboardInterrupt, Exception) as error:
            ended_by = error

        if not blocks:
            return DrawBlock.empty(self.q, ended_by)

        return replace(DrawBlock.joined(blocks), ended_by=ended_by)

    def next_lengths(self, left: int) -> Tensor:
        """Return the steps of each of the next draws, as many as one call makes, at least one.

        Arguments:
            left: Number of draws that are left.
        """
        if self.steps.how != "compiled":
            return self.draw_lengths(1)

        most = self.steps_at_once
        lengths = self.draw_lengths(min(left, most))
        ends = longest(lengths).cumsum(0)
        fitting = int((ends <= most).sum())

        return lengths[: max(1, fitting)]


def longest(lengths: Tensor) -> Tensor:
    """Return the steps of the longest path of each draw (S,), of (S,) or (S, C)."""
    return lengths if lengths.dim() == 1 else lengths.amax(1)
