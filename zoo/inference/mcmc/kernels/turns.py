"""Chains that take turns in the rows of a batch, so that a row is idle only at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

Part = TypeVar("Part", bound=NamedTuple)


class Turns:
    """Which chain is in which row of a batch, which chains wait, and the state of both.

    A chain leaves its row when some of its trees have ended, and the chain that has waited
    longest takes the row. So chains with long trees have about as many draws as others at any
    time, and rows are idle only while the last trees of a block end. With as many rows as
    chains, every chain stays in its row.

    Arguments:
        state: The state of the chains by name, (C, ...) each.
        num_rows: Number of rows R, at most C.
        num_draws: Draws that each chain has to make.
        draws_in_turn: Draws that a chain makes in a row while others wait.
    """

    def __init__(
        self,
        state: Mapping[str, Tensor],
        num_rows: int,
        num_draws: int,
        draws_in_turn: int = 1,
    ) -> None:
        some = next(iter(state.values()))
        num_chains = len(some)
        self.num_draws = num_draws
        self.draws_in_turn = draws_in_turn
        self.takes_turns = num_rows < num_chains
        self.waiting = deque(range(num_rows, num_chains))

        self.chains = torch.arange(num_rows, device=some.device)  # by row
        self.remaining = self.chains.new_full((num_chains,), num_draws)
        self.rows = {name: value[:num_rows].clone() for name, value in state.items()}

        self._state = {name: value.clone() for name, value in state.items()}
        self._is_taken = torch.ones_like(self.chains, dtype=torch.bool)

    @property
    def num_done(self) -> int:
        """Number of draws that every chain has made."""
        return self.num_draws - int(self.remaining.max())

    def part(self, kind: type[Part]) -> Part:
        """Return the part of the state of the rows that a named tuple of tensors holds."""
        values = [self.rows[name] for name in kind._fields]
        return kind._make(values)

    def numbers(self) -> Tensor:
        """Return which of its draws each row's chain makes, from 0, (R,)."""
        return self.num_draws - self.remaining[self.chains]

    def count(self, number: Tensor) -> None:
        """Count draws of the rows' chains, (R,)."""
        self.remaining = self.remaining.index_add(0, self.chains, -number)

    def left(self) -> Tensor:
        """Return how many trees each row ends until its chain leaves it, (R,)."""
        left = self.remaining[self.chains]

        return left.clamp(max=self.draws_in_turn) if self.waiting else left

    def change(self, free: Tensor) -> Tensor:
        """Let chains that wait take the rows of a mask (R,), whose chains' turns have ended.

        Returns:
            The rows that were taken, (N,).
        """
        rows = free.nonzero().flatten()
        self._leave(rows)

        taken = rows[: len(self.waiting)]
        self._take(taken)

        return taken

    def end(self) -> Mapping[str, Tensor]:
        """Return the state of all chains, (C, ...) each, when their last trees have ended."""
        if not self.takes_turns:
            return self.rows

        self._leave(self._is_taken.nonzero().flatten())

        return self._state

    def _leave(self, rows: Tensor) -> None:
        """Keep the state of the chains of some rows; those with more draws to make wait."""
        chains = self.chains[rows]
        for name, value in self.rows.items():
            self._state[name][chains] = value[rows]

        left = self.remaining[chains] > 0
        self.waiting.extend(chains[left].tolist())
        self._is_taken[rows] = False

    def _take(self, rows: Tensor) -> None:
        """Give rows to the chains that have waited longest."""
        longest = [self.waiting.popleft() for _ in range(len(rows))]
        chains = torch.tensor(longest, dtype=torch.long, device=rows.device)

        for name, value in self.rows.items():
            value[rows] = self._state[name][chains]

        self.chains[rows] = chains
        self._is_taken[rows] = True
