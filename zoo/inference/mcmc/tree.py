"""Trees of leapfrog steps that double until they turn back: one leaf of every chain's tree at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.hamiltonian import LARGEST_ERROR

Leapfrog = Callable[
    [Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]
]


class Tree(NamedTuple):
    """The trajectory of every chain, a binary tree, and the subtree that is to double it; written to in place.

    References:
        Composable Effects for Flexible and Accelerated Probabilistic Programming in NumPyro (Phan, Pradhan, Jankowiak,
        2019)

    Arguments:
        u: Position of the end that grows, (C, P), with its momentum and gradient `p`,
            `slope`.
        far_u: The same of the tree's other end.
        chosen_u: The leaf chosen of the tree, (C, P), with its gradient `chosen_slope`.
        new_u: The leaf chosen of the subtree, with `new_slope`.
        begun_p: Momenta where the blocks of 2, 4, ... leaves began that are not
            complete yet, (C, K + 1, P); the last slot takes what begins none.
        begun_place: The places of those leaves; see `turns`.
        chosen_energy: Potential of the leaf chosen of the tree, (C,).
        new_energy: Potential of the leaf chosen of the subtree, (C,).
        total: Potential and kinetic energy at the start, (C,).
        log_weight: Logarithm of the summed weights exp(-error) of the tree, (C,).
        new_log_weight: The same of the subtree.
        acceptance: Sum of min(1, exp(-error)) over all leaves, (C,).
        leaves: Leaves of the tree, (C,).
        leaf: Leaves of the subtree so far, (C,).
        n_steps: Leapfrog steps so far, (C,).
        forward: Whether the subtree grows to the right, (C,).
        diverging: Whether the energy was lost, (C,).
        failed: Whether the subtree turned back or diverged, (C,).
        closing: Whether the subtree has ended and waits for `close`, (C,).
        growing: Whether it takes more leaves, (C,).
    """

    u: Tensor
    p: Tensor
    slope: Tensor
    far_u: Tensor
    far_p: Tensor
    far_slope: Tensor
    chosen_u: Tensor
    chosen_slope: Tensor
    new_u: Tensor
    new_slope: Tensor
    begun_p: Tensor
    begun_place: Tensor
    chosen_energy: Tensor
    new_energy: Tensor
    total: Tensor
    log_weight: Tensor
    new_log_weight: Tensor
    acceptance: Tensor
    leaves: Tensor
    leaf: Tensor
    n_steps: Tensor
    forward: Tensor
    diverging: Tensor
    failed: Tensor
    closing: Tensor
    growing: Tensor

    @classmethod
    def bare(cls, u: Tensor, max_depth: int) -> Tree:
        """Return the memory of trees of positions like u (C, P), in which nothing grows."""
        vectors = (torch.zeros_like(u) for _ in range(10))
        begun = (u.new_zeros(len(u), max_depth, u.shape[1]) for _ in range(2))
        kinds = [u.dtype] * 6 + [torch.long] * 3 + [torch.bool] * 5
        return cls(
            *vectors, *begun, *(torch.zeros_like(u[:, 0], dtype=kind) for kind in kinds)
        )

    def write(self, where: Tensor | None = None, **values: Tensor) -> None:
        """Overwrite what is given, of all chains or of those of a mask (C,)."""
        if where is not None:
            masks = {
                name: where.reshape(-1, *[1] * (getattr(self, name).dim() - 1))
                for name in values
            }
            values = {
                name: torch.where(masks[name], value, getattr(self, name))
                for name, value in values.items()
            }
        for name, value in values.items():
            getattr(self, name).copy_(value)

    def plant(self, where: Tensor, p: Tensor) -> None:
        """Begin new trees with momenta p (C, P) at the chosen leaves, for the chains of a mask (C,)."""
        u, slope, energy = self.chosen_u, self.chosen_slope, self.chosen_energy
        zero, one, no = (
            torch.zeros_like(energy),
            torch.ones_like(self.leaf),
            torch.zeros_like(self.failed),
        )
        self.write(
            where,
            u=u,
            p=p,
            slope=slope,
            far_u=u,
            far_p=p,
            far_slope=slope,
            total=energy + kinetic(p),
        )
        self.write(
            where, log_weight=zero, new_log_weight=zero - math.inf, acceptance=zero
        )
        self.write(
            where,
            leaves=one,
            leaf=one - 1,
            n_steps=one - 1,
            forward=torch.rand_like(zero) < 0.5,
        )
        self.write(where, diverging=no, failed=no, closing=no, growing=~no)

    def grow(self, leapfrog: Leapfrog, step_size: Tensor) -> None:
        """Add one leaf to the subtree of every chain that is growing; the others stay where they are.

        Arguments:
            leapfrog: One leapfrog step from (u, p, slope) with a step size (C,), which
                is negative to the left.
            step_size: Step sizes, (C,).
        """
        step = torch.where(self.forward, step_size, -step_size) * self.growing
        u, p, slope, energy = leapfrog(self.u, self.p, self.slope, step)
        error = (energy + kinetic(p) - self.total).nan_to_num(nan=math.inf)
        log_weight = torch.logaddexp(self.new_log_weight, -error)
        picked = self.growing & (torch.rand_like(error) < (-error - log_weight).exp())
        self.write(picked, new_u=u, new_slope=slope, new_energy=energy)

        chains, place = torch.arange(len(u), device=u.device), place_of(u, slope, step)
        slot, completes = blocks(self.leaf, self.begun_p.shape[1] - 1)
        self.begun_p[chains, slot], self.begun_place[chains, slot] = p, place
        way = (place[:, None] - self.begun_place[:, :-1]) * step.sign()[:, None, None]
        turned = turns(self.begun_p[:, :-1], p[:, None], way) & completes
        diverging = error > LARGEST_ERROR
        failed = diverging | turned.any(-1)
        leaf = self.leaf + 1
        closing = failed | (leaf == self.leaves)
        acceptance = self.acceptance + (-error).exp().clamp(max=1.0)
        self.write(u=u, p=p, slope=slope)
        self.write(
            self.growing,
            leaf=leaf,
            n_steps=self.n_steps + 1,
            new_log_weight=log_weight,
            acceptance=acceptance,
        )
        self.write(
            self.growing,
            diverging=diverging,
            failed=failed,
            closing=closing,
            growing=~closing,
        )

    def close(self, step_size: Tensor) -> Tensor:
        """Join the subtrees that have ended to their trees, and tell which trees have ended with them, (C,)."""
        luck, luck_of_side = torch.rand(
            2, len(step_size), dtype=step_size.dtype, device=step_size.device
        )
        doubled = self.closing & ~self.failed
        moves = doubled & (luck < (self.new_log_weight - self.log_weight).exp())
        self.write(
            moves,
            chosen_u=self.new_u,
            chosen_slope=self.new_slope,
            chosen_energy=self.new_energy,
        )
        way = place_of(self.u, self.slope, step_size) - place_of(
            self.far_u, self.far_slope, step_size
        )
        turned = turns(
            self.far_p, self.p, torch.where(self.forward[:, None], way, -way)
        )
        full = self.leaves == 2 ** (self.begun_p.shape[1] - 1)
        ended = self.closing & (self.failed | turned | full)

        forward = luck_of_side < 0.5
        near, far = self[:3], self[3:6]
        self.write(
            doubled & (forward != self.forward),
            **dict(zip(self._fields, (*far, *near), strict=False)),
        )
        log_weight = torch.logaddexp(self.log_weight, self.new_log_weight)
        self.write(
            doubled,
            log_weight=log_weight,
            new_log_weight=torch.full_like(log_weight, -math.inf),
        )
        self.write(
            doubled,
            leaves=2 * self.leaves,
            leaf=torch.zeros_like(self.leaf),
            forward=forward,
        )
        self.write(
            growing=self.growing | (self.closing & ~ended),
            closing=torch.zeros_like(ended),
        )
        return ended


def blocks(leaf: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Say where a leaf (C,), counted from 0, is kept, and which places hold the leaves that began blocks it completes.

    An even leaf begins blocks of 2, 4, ... leaves. It is kept in the slot that is the
    number of ones in its binary digits, the last one left out: then no block's first
    leaf is overwritten before the block is complete.

    Returns:
        The slot (C,), where `count` stands for none, and a mask of slots (C, count).
    """
    slots = torch.arange(count, device=leaf.device)
    power, after = slots + 1, leaf[:, None] + 1
    ones = ((leaf[:, None] >> power) & 1).sum(-1)
    completed = (after >> power << power == after).sum(-1)
    completes = (slots <= ones[:, None]) & (slots > (ones - completed)[:, None])
    return torch.where(leaf % 2 == 0, ones, count), completes


def turns(first_p: Tensor, last_p: Tensor, way: Tensor) -> Tensor:
    r"""Tell whether a trajectory turns back: whether one of its ends moves against the way between them.

    .. math:: \rho \cdot p_a \le 0 \text{ or } \rho \cdot p_b \le 0, \quad
        \epsilon \rho = \epsilon \Big( \sum_{n=a}^b p_n - \tfrac12 (p_a + p_b) \Big) = m_b - m_a, \quad
        m_n = u_n - \tfrac{\epsilon^2}{4} \nabla U(u_n)

    The sum of momenta between two leaves of a leapfrog trajectory is the way between
    their places m, so that no sums need to be kept.

    References:
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)
    """
    return ((way * first_p).sum(-1) <= 0) | ((way * last_p).sum(-1) <= 0)


def place_of(u: Tensor, slope: Tensor, step_size: Tensor) -> Tensor:
    """Return the place m (C, P) of a leaf; see `turns`."""
    return u - 0.25 * step_size.square()[:, None] * slope


def kinetic(p: Tensor) -> Tensor:
    """Return the kinetic energy (C,) of momenta (C, P) of unit mass."""
    return 0.5 * p.square().sum(-1)
