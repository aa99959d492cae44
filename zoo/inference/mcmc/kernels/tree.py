"""The trees of NUTS: trajectories that double, one leaf of every tree at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.hamiltonian import (
    MAX_ENERGY_ERROR,
    acceptance_of,
    kinetic_energy,
)
from zoo.inference.mcmc.kernels.tree_state import TreeState
from zoo.inference.mcmc.kernels.u_turn import leaf_slots, shifted_position, turns_back

# (u, p, gradient, step size) -> (u, p, gradient, energy)
Leapfrog = Callable[
    [Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]
]


class Tree(TreeState):
    """The tree of every chain: it begins, grows leaf by leaf, and closes; written to in place."""

    __slots__ = ()

    def begin(self, where: Tensor, p: Tensor) -> None:
        """Begin new trees at the chosen leaves.

        Arguments:
            where: Mask of the chains, (C,).
            p: Momenta, (C, P).
        """
        u = self.chosen_u
        gradient = self.chosen_gradient
        energy = self.chosen_energy
        zero = torch.zeros_like(energy)
        one = torch.ones_like(self.subtree_leaves)
        no = torch.zeros_like(self.failed)

        self.write(
            where,
            u=u,
            p=p,
            gradient=gradient,
            far_u=u,
            far_p=p,
            far_gradient=gradient,
            initial_energy=energy + kinetic_energy(p),
        )

        self.write(
            where,
            log_weight=zero,
            subtree_log_weight=zero - math.inf,
            acceptance=zero,
        )

        forward = torch.rand_like(zero) < 0.5
        self.write(
            where,
            num_leaves=one,
            subtree_leaves=one - 1,
            n_steps=one - 1,
            forward=forward,
        )

        self.write(where, diverging=no, failed=no, closing=no, growing=~no)

    def grow(self, leapfrog: Leapfrog, step_size: Tensor) -> None:
        """Add one leaf to every subtree that grows; the other chains do not move.

        Arguments:
            leapfrog: One leapfrog step from (u, p, gradient) with signed step sizes (C,),
                negative backward in time.
            step_size: Step sizes, (C,).
        """
        signed = torch.where(self.forward, step_size, -step_size)
        step = signed * self.growing
        u, p, gradient, energy = leapfrog(self.u, self.p, self.gradient, step)
        total = energy + kinetic_energy(p)
        error = (total - self.initial_energy).nan_to_num(nan=math.inf)

        log_weight = torch.logaddexp(self.subtree_log_weight, -error)
        probability = (-error - log_weight).exp()
        uniform = torch.rand_like(error)
        chosen = self.growing & (uniform < probability)
        self.write(
            chosen, subtree_u=u, subtree_gradient=gradient, subtree_energy=energy
        )

        position = shifted_position(u, gradient, step)
        turned = self._store_leaf(p, position, step.sign())
        diverging = error > MAX_ENERGY_ERROR
        failed = diverging | turned
        leaves = self.subtree_leaves + 1
        closing = failed | (leaves == self.num_leaves)

        acceptance = self.acceptance + acceptance_of(error)
        self.write(u=u, p=p, gradient=gradient)
        self.write(
            self.growing,
            subtree_leaves=leaves,
            n_steps=self.n_steps + 1,
            subtree_log_weight=log_weight,
            acceptance=acceptance,
        )

        self.write(
            self.growing,
            diverging=diverging,
            failed=failed,
            closing=closing,
            growing=~closing,
        )

    def _store_leaf(self, p: Tensor, position: Tensor, sign: Tensor) -> Tensor:
        """Store a leaf if it begins blocks; return whether a block it completes turns back, (C,).

        Arguments:
            p: Momentum of the leaf, (C, P).
            position: Its shifted position, (C, P).
            sign: Direction of time, 1 or -1, (C,); 0 if the chain does not move.
        """
        num_slots = self.first_p.shape[1] - 1
        slots = leaf_slots(self.subtree_leaves, num_slots)
        chains = torch.arange(len(p), device=p.device)

        self.first_p[chains, slots.slot] = p
        self.first_position[chains, slots.slot] = position

        # from the first leaf of every incomplete block to this leaf
        first_p = self.first_p[:, :-1]  # (C, K, P)
        first_position = self.first_position[:, :-1]
        difference = position[:, None] - first_position
        displacement = difference * sign[:, None, None]

        turned = turns_back(first_p, p[:, None], displacement)

        completed = turned & slots.completes
        return completed.any(-1)

    def close(self, step_size: Tensor) -> Tensor:
        """Join ended subtrees to their trees, and return which trees have ended, (C,)."""
        chains, dtype = len(step_size), step_size.dtype
        uniform, side = torch.rand(2, chains, dtype=dtype, device=step_size.device)

        doubled = self.closing & ~self.failed
        log_ratio = self.subtree_log_weight - self.log_weight
        moves = doubled & (uniform < log_ratio.exp())
        self.write(
            moves,
            chosen_u=self.subtree_u,
            chosen_gradient=self.subtree_gradient,
            chosen_energy=self.subtree_energy,
        )

        max_leaves = 2 ** (self.first_p.shape[1] - 1)
        is_full = self.num_leaves == max_leaves
        turned = self._turns_back(step_size)
        ended = self.closing & (self.failed | turned | is_full)

        forward = side < 0.5
        other_side = forward != self.forward
        self._swap_ends(doubled & other_side)
        self._begin_subtrees(doubled, forward)

        continues = self.closing & ~ended
        growing = self.growing | continues
        self.write(growing=growing, closing=torch.zeros_like(ended))

        return ended

    def _turns_back(self, step_size: Tensor) -> Tensor:
        """Return whether the whole tree with its subtree turns back, (C,)."""
        near = shifted_position(self.u, self.gradient, step_size)
        far = shifted_position(self.far_u, self.far_gradient, step_size)
        difference = near - far

        displacement = torch.where(self.forward[:, None], difference, -difference)

        return turns_back(self.far_p, self.p, displacement)

    def _swap_ends(self, where: Tensor) -> None:
        """Swap the near and the far end of trees."""
        self.write(
            where,
            u=self.far_u,
            p=self.far_p,
            gradient=self.far_gradient,
            far_u=self.u,
            far_p=self.p,
            far_gradient=self.gradient,
        )

    def _begin_subtrees(self, where: Tensor, forward: Tensor) -> None:
        """Add subtrees to the weights of their trees, and begin new ones."""
        log_weight = torch.logaddexp(self.log_weight, self.subtree_log_weight)
        no_weight = torch.full_like(log_weight, -math.inf)
        self.write(where, log_weight=log_weight, subtree_log_weight=no_weight)
        self.write(
            where,
            num_leaves=2 * self.num_leaves,
            subtree_leaves=torch.zeros_like(self.subtree_leaves),
            forward=forward,
        )
