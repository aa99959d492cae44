"""The trees of NUTS: trajectories that double, one leaf of every tree at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Self

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


class Leaf(NamedTuple):
    """What the newest leaf of every subtree means for it.

    Arguments:
        diverging: Whether its energy error is too large, (C,).
        failed: Whether the subtree turns back or diverges there, (C,).
        closing: Whether the subtree ends there, (C,).
    """

    diverging: Tensor
    failed: Tensor
    closing: Tensor


class Tree(TreeState):
    """The tree of every chain: it begins, grows leaf by leaf, and closes."""

    __slots__ = ()

    def begun(self, where: Tensor, p: Tensor, uniform: Tensor) -> Self:
        """Return new trees at the chosen leaves, for some chains.

        Arguments:
            where: Mask of the chains, (C,).
            p: Momenta, (C, P).
            uniform: Uniform between 0 and 1, (C,).
        """
        u, gradient, energy = self.chosen_u, self.chosen_gradient, self.chosen_energy
        zero = torch.zeros_like(energy)
        one = torch.ones_like(self.num_leaves)

        return self.where(
            where,
            u=u,
            p=p,
            gradient=gradient,
            far_u=u,
            far_p=p,
            far_gradient=gradient,
            initial_energy=energy + kinetic_energy(p),
            log_weight=zero,
            subtree_log_weight=zero - math.inf,
            acceptance=zero,
            num_leaves=one,
            subtree_leaves=one - 1,
            n_steps=one - 1,
            forward=uniform < 0.5,
            growing=torch.ones_like(self.growing),
        )

    def grown(
        self, leapfrog: Leapfrog, step_size: Tensor, uniform: Tensor
    ) -> tuple[Self, Leaf]:
        """Return every subtree that grows with one more leaf; the other chains do not move.

        Arguments:
            leapfrog: One leapfrog step from (u, p, gradient) with signed step sizes (C,),
                negative backward in time.
            step_size: Step sizes, (C,).
            uniform: Uniform between 0 and 1, (C,).
        """
        signed = torch.where(self.forward, step_size, -step_size)
        step = signed * self.growing
        u, p, gradient, energy = leapfrog(self.u, self.p, self.gradient, step)
        total = energy + kinetic_energy(p)
        error = (total - self.initial_energy).nan_to_num(nan=math.inf)

        log_weight = torch.logaddexp(self.subtree_log_weight, -error)
        probability = (-error - log_weight).exp()
        chosen = self.growing & (uniform < probability)
        tree = self.where(
            chosen, subtree_u=u, subtree_gradient=gradient, subtree_energy=energy
        )

        position = shifted_position(u, gradient, step)
        tree, turned = tree._with_leaf(p, position, step.sign())
        leaves = self.subtree_leaves + 1
        tree = tree.where(
            self.growing,
            subtree_leaves=leaves,
            n_steps=self.n_steps + 1,
            subtree_log_weight=log_weight,
            acceptance=self.acceptance + acceptance_of(error),
        )

        diverging = error > MAX_ENERGY_ERROR
        failed = diverging | turned
        closing = self.growing & (failed | (leaves == self.num_leaves))

        return (
            tree._replace(u=u, p=p, gradient=gradient),
            Leaf(diverging, failed, closing),
        )

    def _with_leaf(
        self, p: Tensor, position: Tensor, sign: Tensor
    ) -> tuple[Self, Tensor]:
        """Return trees with a leaf stored if it begins blocks, and whether one turns back, (C,).

        Arguments:
            p: Momentum of the leaf, (C, P).
            position: Its shifted position, (C, P).
            sign: Direction of time, 1 or -1, (C,); 0 if the chain does not move.
        """
        num_slots = self.first_p.shape[1] - 1
        slots = leaf_slots(self.subtree_leaves, num_slots)
        chains = torch.arange(len(p), device=p.device)
        place = (chains, slots.slot)
        first_p = self.first_p.index_put(place, p)
        first_position = self.first_position.index_put(place, position)
        tree = self._replace(first_p=first_p, first_position=first_position)

        # from the first leaf of every incomplete block to this leaf, (C, K, P)
        difference = position[:, None] - first_position[:, :-1]
        displacement = difference * sign[:, None, None]
        turned = turns_back(first_p[:, :-1], p[:, None], displacement)

        completed = turned & slots.completes

        return tree, completed.any(-1)

    def closed(
        self, leaf: Leaf, step_size: Tensor, uniform: Tensor, side: Tensor
    ) -> tuple[Self, Tensor]:
        """Join ended subtrees to their trees; return the trees, and which have ended, (C,).

        Arguments:
            leaf: The newest leaf.
            step_size: Step sizes, (C,).
            uniform: Uniform between 0 and 1, (C,).
            side: Uniform between 0 and 1, for the side of the next subtree, (C,).
        """
        doubled = leaf.closing & ~leaf.failed
        log_ratio = self.subtree_log_weight - self.log_weight
        moves = doubled & (uniform < log_ratio.exp())
        tree = self.where(
            moves,
            chosen_u=self.subtree_u,
            chosen_gradient=self.subtree_gradient,
            chosen_energy=self.subtree_energy,
        )

        max_leaves = 2 ** (self.first_p.shape[1] - 1)
        is_full = self.num_leaves == max_leaves
        turned = self._turns_back(step_size)
        ended = leaf.closing & (leaf.failed | turned | is_full)

        forward = side < 0.5
        other_side = forward != self.forward
        tree = tree._with_ends_swapped(doubled & other_side)
        tree = tree._with_new_subtrees(doubled, forward)

        return tree._replace(growing=self.growing & ~ended), ended

    def _turns_back(self, step_size: Tensor) -> Tensor:
        """Return whether the whole tree with its subtree turns back, (C,)."""
        near = shifted_position(self.u, self.gradient, step_size)
        far = shifted_position(self.far_u, self.far_gradient, step_size)
        difference = near - far

        displacement = torch.where(self.forward[:, None], difference, -difference)

        return turns_back(self.far_p, self.p, displacement)

    def _with_ends_swapped(self, where: Tensor) -> Self:
        """Swap the near and the far end of some trees."""
        return self.where(
            where,
            u=self.far_u,
            p=self.far_p,
            gradient=self.far_gradient,
            far_u=self.u,
            far_p=self.p,
            far_gradient=self.gradient,
        )

    def _with_new_subtrees(self, where: Tensor, forward: Tensor) -> Self:
        """Add subtrees to the weights of their trees, and begin new ones."""
        log_weight = torch.logaddexp(self.log_weight, self.subtree_log_weight)

        return self.where(
            where,
            log_weight=log_weight,
            subtree_log_weight=torch.full_like(log_weight, -math.inf),
            num_leaves=2 * self.num_leaves,
            subtree_leaves=torch.zeros_like(self.subtree_leaves),
            forward=forward,
        )
