"""The trees that grow together during a block of draws, and the chains that they belong to."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
from zoo.inference.mcmc.adaptation.mass_matrix import MassMatrix
from zoo.inference.mcmc.kernels.tree import Tree
from zoo.inference.mcmc.kernels.tree_rows import TreeRows
from zoo.inference.mcmc.kernels.turns import Turns

_CHOSEN = ("u", "gradient", "energy")  # state that a tree has as chosen_u, ...
_FIRST_STEPS = 16  # of the first call of a block
_SHARE = 0.7  # of the steps that are likely to be left
_TURNS = 16  # of a chain in a block, if chains take turns
_SHARE_OF_TURN = 0.1  # of the steps of a turn, for a call
_FEWEST = 16  # a call takes this share of the most steps, even if trees end before


class TreeBatch:
    """R trees that grow together, while a block of draws is made of C chains.

    Arguments:
        state: The state of the chains by name, (C, ...) each.
        num_rows: Number of trees R, at most C.
        num_draws: Draws that each chain has to make.
        max_depth: Largest number of doublings of a tree.

    Attributes:
        packed: The packed `TreeRows`.
        turns: Which chain is in which row.
    """

    def __init__(
        self,
        state: Mapping[str, Tensor],
        num_rows: int,
        num_draws: int,
        max_depth: int,
    ) -> None:
        names = [*_CHOSEN, "step_size", *DualAveraging._fields, *MassMatrix._fields]
        own_state = {name: state[name] for name in names}
        in_turn = max(1, num_draws // _TURNS)
        self.turns = Turns(own_state, num_rows, num_draws, in_turn)
        self._steps_taken = 0

        own = self.turns.rows
        tree = Tree.at(*[own[name] for name in _CHOSEN], max_depth)
        everywhere = torch.ones_like(tree.growing)
        rows = TreeRows(
            tree,
            own["step_size"],
            self.turns.left().to(own["u"]),
            self.turns.part(DualAveraging),
        )
        self.packed = _begun(rows, everywhere).packed()

    @property
    def rows(self) -> TreeRows:
        """The trees and what else the rows have."""
        return TreeRows.unpacked(self.packed)

    @property
    def mass_matrix(self) -> MassMatrix:
        """The mass matrices of the rows' chains."""
        return self.turns.part(MassMatrix)

    def num_steps(self, most: int) -> int:
        """Return how many steps to take in the next call of a loop.

        They are less than are likely to be needed, because a row is idle when its last tree
        has ended; but not so few that the call itself takes most of the time.

        Arguments:
            most: The largest number.
        """
        if self._steps_taken == 0:
            return _between(1, _FIRST_STEPS, most)

        turns = self.turns
        if turns.waiting:
            in_turn = turns.draws_in_turn * float(self._steps_per_draw().mean())
            return _between(1, _SHARE_OF_TURN * in_turn, most)

        likely = float((self._steps_per_draw() * turns.left()).max())

        return _between(most // _FEWEST, _SHARE * likely, most)

    def _steps_per_draw(self) -> Tensor:
        """Return the mean steps of a draw so far, of every row or the same for all, (R,)."""
        turns = self.turns
        done = turns.num_draws - turns.remaining  # (C,)
        if turns.takes_turns:  # chains have been in several rows
            num_rows = len(turns.chains)
            steps = self._steps_taken * num_rows / done.sum().clamp_min(1)
            return steps.expand(num_rows)

        return self._steps_taken / done.clamp_min(1)

    def count(self, ended: Tensor) -> None:
        """Count the draws of some steps, and let chains that wait take the rows that are free.

        Arguments:
            ended: Whether trees have ended at these steps, (K, R).
        """
        turns = self.turns
        self._steps_taken += len(ended)
        turns.count(ended.sum(0))
        if turns.waiting and bool(ended.any()):
            is_free = ended.any(0) & ~self.rows.tree.growing
            if bool(is_free.any()):
                self._change_rows(is_free)

    def _change_rows(self, is_free: Tensor) -> None:
        """Begin trees of chains that waited, in the rows of a mask (R,) that are free now."""
        turns, rows = self.turns, self.rows
        turns.rows |= _of_chains(rows)  # views, in which the chains change
        taken = turns.change(is_free)
        is_taken = torch.zeros_like(is_free)
        is_taken[taken] = True

        left = turns.left().to(rows.left)
        if turns.waiting:  # the others' turns go on
            left = torch.where(is_taken, left, rows.left)

        self.packed = _begun(rows, is_taken)._replace(left=left).packed()

    def end(self) -> dict[str, Tensor]:
        """Return the state of all chains, when their last trees have ended."""
        self.turns.rows |= _of_chains(self.rows)
        ends = {}
        for name, value in self.turns.end().items():
            ends[name] = value.clone(memory_format=torch.contiguous_format)

        return ends

    def num_unfinished(self) -> int:
        """Return the leapfrog steps of trees that have not ended."""
        tree = self.rows.tree

        return int((tree.growing * tree.n_steps).sum())


def _begun(rows: TreeRows, where: Tensor) -> TreeRows:
    """Return rows of which those of a mask (R,) have new trees."""
    tree = rows.tree
    momenta = torch.randn_like(tree.u)
    uniform = torch.rand_like(tree.chosen_energy)

    return rows._replace(tree=tree.begun(where, momenta, uniform))


def _of_chains(rows: TreeRows) -> dict[str, Tensor]:
    """Return the state of the rows' chains by name."""
    chosen = {name: getattr(rows.tree, f"chosen_{name}") for name in _CHOSEN}
    averaging = rows.averaging._asdict()

    return {**chosen, "step_size": rows.step_size, **averaging}


def _between(least: int, number: float, most: int) -> int:
    """Return a number of steps, at least one."""
    return max(1, least, min(int(number), most))
