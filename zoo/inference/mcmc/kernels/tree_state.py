"""The state of the trees of NUTS: what is known of every chain's tree and subtree."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.masked import where_chains

_ENDS = ("u", "p", "gradient", "far_u", "far_p", "far_gradient")
_CHOSEN = ("chosen_u", "chosen_gradient", "subtree_u", "subtree_gradient")
_VECTORS = _ENDS + _CHOSEN
_BLOCKS = ("first_p", "first_position")
_ENERGIES = ("chosen_energy", "subtree_energy", "initial_energy")
_SCALARS = (*_ENERGIES, "log_weight", "subtree_log_weight", "acceptance")
_COUNTS = ("num_leaves", "subtree_leaves", "n_steps")
_FLAGS = ("forward", "diverging", "failed", "closing", "growing")


class TreeState(NamedTuple):
    """The tree of every chain, and the subtree that is to double it; written to in place.

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
        first_p: Momenta of the first leaves of incomplete blocks of 2, 4, ... leaves,
            (C, K + 1, P); the last slot takes leaves that begin no block.
        first_position: Shifted positions of these leaves, (C, K + 1, P); see `turns_back`.
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
        diverging: Whether the energy error was too large, (C,).
        failed: Whether the subtree turned back or diverged, (C,).
        closing: Whether the subtree has ended and waits for `close`, (C,).
        growing: Whether the subtree takes more leaves, (C,).
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
    first_p: Tensor
    first_position: Tensor
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
    diverging: Tensor
    failed: Tensor
    closing: Tensor
    growing: Tensor

    @classmethod
    def empty(cls, u: Tensor, max_depth: int) -> Self:
        """Return zeros for the trees of chains at u (C, P); none of them grows."""
        chains, size = u.shape
        block = u.new_zeros(chains, max_depth, size)
        scalar = u.new_zeros(chains)
        vectors = dict.fromkeys(_VECTORS, u)
        blocks = dict.fromkeys(_BLOCKS, block)
        scalars = dict.fromkeys(_SCALARS, scalar)
        counts = dict.fromkeys(_COUNTS, scalar.long())
        flags = dict.fromkeys(_FLAGS, scalar.bool())

        zeros = {}
        for name, like in (vectors | blocks | scalars | counts | flags).items():
            zeros[name] = torch.zeros_like(like)

        return cls(**zeros)

    @property
    def max_depth(self) -> int:
        """Largest number of doublings of a tree."""
        return self.first_p.shape[1]

    def depth(self) -> Tensor:
        """Return how often each tree has doubled, (C,)."""
        shifts = torch.arange(1, self.max_depth + 1, device=self.num_leaves.device)
        halved = self.num_leaves[:, None] >> shifts

        return (halved > 0).sum(-1)

    def write(self, where: Tensor | None = None, **values: Tensor) -> None:
        """Overwrite fields, of all chains or of those of a mask (C,)."""
        if where is not None:
            values = self._merged(where, values)

        for name, value in values.items():
            getattr(self, name).copy_(value)

    def _merged(self, where: Tensor, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return new values for the chains of a mask and the present ones for the others."""
        merged = {}
        for name, value in values.items():
            present = getattr(self, name)
            merged[name] = where_chains(where, value, present)

        return merged
