"""The state of the trees of NUTS: what is known of every chain's tree and subtree."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.masked import where_chains

NUM_VECTORS = 10  # the first fields, (C, P) each
_COUNTS = ("num_leaves", "subtree_leaves", "n_steps")
_FLAGS = ("forward", "growing")


class TreeState(NamedTuple):
    """The tree of every chain, and the subtree that is to double it.

    A leaf is a point of the trajectory. The near end is the one at which the subtree grows.

    References:
        Composable Effects for Flexible and Accelerated Probabilistic Programming in NumPyro
        (Phan, Pradhan, Jankowiak, 2019)

    Arguments:
        u: Whitened position of the near end, (C, P).
        p: Its momentum, (C, P).
        gradient: Its gradient of the potential, (C, P).
        far_u: Whitened position of the far end, (C, P).
        far_p: Its momentum, (C, P).
        far_gradient: Its gradient, (C, P).
        chosen_u: Position of the leaf chosen from the tree, (C, P).
        chosen_gradient: Its gradient, (C, P).
        subtree_u: Position of the leaf chosen from the subtree, (C, P).
        subtree_gradient: Its gradient, (C, P).
        chosen_energy: Potential of the leaf chosen from the tree, (C,).
        subtree_energy: Potential of the leaf chosen from the subtree, (C,).
        initial_energy: Potential plus kinetic energy of the first leaf, (C,).
        log_weight: Log of the sum of the weights exp(-error) of the tree, (C,).
        subtree_log_weight: Log of the sum of the weights of the subtree, (C,).
        acceptance: Sum of min(1, exp(-error)) over all leaves, (C,).
        num_leaves: Leaves of the tree, (C,).
        subtree_leaves: Leaves of the subtree so far, (C,).
        n_steps: Leapfrog steps so far, (C,).
        forward: Whether the subtree grows forward in time, (C,).
        growing: Whether there is a tree that grows, (C,).
        first_p: Momenta of the first leaves of incomplete blocks of 2, 4, ... leaves,
            (C, K + 1, P); the last slot takes leaves that begin no block.
        first_position: Shifted positions of these leaves, (C, K + 1, P); see `turns_back`.
    """

    u: Tensor
    p: Tensor
    gradient: Tensor
    far_u: Tensor
    far_p: Tensor
    far_gradient: Tensor
    chosen_u: Tensor
    chosen_gradient: Tensor
    subtree_u: Tensor
    subtree_gradient: Tensor
    chosen_energy: Tensor
    subtree_energy: Tensor
    initial_energy: Tensor
    log_weight: Tensor
    subtree_log_weight: Tensor
    acceptance: Tensor
    num_leaves: Tensor
    subtree_leaves: Tensor
    n_steps: Tensor
    forward: Tensor
    growing: Tensor
    first_p: Tensor
    first_position: Tensor

    @classmethod
    def at(cls, u: Tensor, gradient: Tensor, energy: Tensor, max_depth: int) -> Self:
        """Return chains without trees.

        Arguments:
            u: Whitened positions, (C, P).
            gradient: Gradients of the potential, (C, P).
            energy: Potentials, (C,).
            max_depth: Largest number of doublings of a tree.
        """
        chains, size = u.shape
        block = u.new_zeros(chains, max_depth, size)
        vectors = [torch.zeros_like(u)] * NUM_VECTORS
        num_scalars = len(cls._fields) - NUM_VECTORS - 2
        scalars = [torch.zeros_like(energy)] * num_scalars
        empty = cls.typed([*vectors, *scalars, block, block])

        return empty._replace(
            chosen_u=u, chosen_gradient=gradient, chosen_energy=energy
        )

    @classmethod
    def typed(cls, values: list[Tensor]) -> Self:
        """Return trees of fields of one dtype: counts as integers, and flags as booleans."""
        trees = cls._make(values)
        counts = {name: getattr(trees, name).long() for name in _COUNTS}
        flags = {name: getattr(trees, name) > 0 for name in _FLAGS}

        return trees._replace(**counts, **flags)

    @property
    def max_depth(self) -> int:
        """Largest number of doublings of a tree."""
        return self.first_p.shape[1]

    def depth(self) -> Tensor:
        """Return how often each tree has doubled, (C,)."""
        shifts = torch.arange(1, self.max_depth + 1, device=self.num_leaves.device)
        halved = self.num_leaves[:, None] >> shifts

        return (halved > 0).sum(-1)

    def where(self, mask: Tensor, **values: Tensor) -> Self:
        """Return trees with other values for the chains of a mask (C,)."""
        merged = {}
        for name, value in values.items():
            merged[name] = where_chains(mask, value, getattr(self, name))

        return self._replace(**merged)
