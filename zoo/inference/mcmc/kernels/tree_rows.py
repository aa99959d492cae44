"""The rows of a batch of trees: each has a tree, a step size, and trees that are left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
from zoo.inference.mcmc.kernels.packed import packed, unpacked
from zoo.inference.mcmc.kernels.tree import Tree
from zoo.inference.mcmc.kernels.tree_state import NUM_VECTORS

NUM_PACKED = 3  # tensors that a program hands on from step to step


class TreeRows(NamedTuple):
    """The trees of the rows of a batch, and what a row has beside its tree.

    Arguments:
        tree: The trees.
        step_size: Step sizes, (R,).
        left: Trees that a row still ends, the present one included, (R,).
        averaging: The state of dual averaging.
    """

    tree: Tree
    step_size: Tensor
    left: Tensor
    averaging: DualAveraging

    def packed(self) -> list[Tensor]:
        """Return all of it in a few tensors, of which a compiled loop hands on fewer."""
        *values, first_p, first_position = self.tree
        own = [*values, self.step_size, self.left, *self.averaging]

        return [packed(own), first_p, first_position]

    @classmethod
    def unpacked(cls, tensors: Sequence[Tensor]) -> TreeRows:
        """Return the rows that `packed` has put into a few tensors, as views of them.

        Counts and flags are copies.
        """
        own, first_p, first_position = tensors
        size = first_p.shape[-1]
        num_scalars = own.shape[-1] - NUM_VECTORS * size
        values = unpacked(own, [size] * NUM_VECTORS + [0] * num_scalars)

        num_own = 2 + len(DualAveraging._fields)
        step_size, left, *averaging = values[-num_own:]
        tree = Tree.typed([*values[:-num_own], first_p, first_position])

        return cls(tree, step_size, left, DualAveraging(*averaging))

    def ended(
        self, ended: Tensor, rate: Tensor, adapting: Tensor, target: float
    ) -> TreeRows:
        """Return the rows after some trees have ended, with adapted step sizes.

        Arguments:
            ended: Mask of these trees, (R,).
            rate: Their acceptance rates, (R,).
            adapting: Whether step sizes are adapted, (R,).
            target: The acceptance rate that they are adapted to.
        """
        adapts = ended & adapting
        averaging = self.averaging.updated(rate, target, where=adapts)
        step_size = torch.where(adapts, averaging.step_size, self.step_size)

        return self._replace(
            left=self.left - ended.to(self.left),
            averaging=averaging,
            step_size=step_size,
        )
