"""Decisions of least expected loss, from class probabilities and a loss matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Loss = Tensor | Sequence[Sequence[float]]


class Decisions(NamedTuple):
    """What is decided at each input, and what every decision is expected to cost.

    Arguments:
        chosen: Row of the loss matrix with the least expected loss, (N, ...), int64; the
            first of equal ones.
        expected_losses: Expected loss of each of the A decisions, (N, ..., A).
    """

    chosen: Tensor
    expected_losses: Tensor

    @property
    def expected_loss(self) -> Tensor:
        """Expected loss of what is chosen, (N, ...)."""
        return self.expected_losses.amin(-1)


def decide(probs: Tensor, loss: Loss) -> Decisions:
    """Return the decision of least expected loss at each input.

    Arguments:
        probs: Class probabilities, averaged over draws, (N, ..., O).
        loss: Loss of each decision (rows) under each true class (columns), (A, O).

    Raises:
        ValueError: Not a column for each class, or a loss that is not finite.
    """
    matrix = torch.as_tensor(loss).to(probs)
    _check(matrix, probs.shape[-1])
    expected = probs @ matrix.T  # (N, ..., A)

    return Decisions(expected.argmin(-1), expected)


def _check(matrix: Tensor, num_classes: int) -> None:
    """Refuse a loss matrix of another shape, or with losses that are not finite."""
    if matrix.dim() != 2 or matrix.shape[1] != num_classes or not len(matrix):
        raise ValueError(
            f"loss must have a column for each of the {num_classes} classes, not shape "
            f"{tuple(matrix.shape)}; write a square matrix ({num_classes}, {num_classes}), whose "
            "rows are the class that is decided and whose columns are the true class, with more "
            "rows for other decisions"
        )

    if not bool(matrix.isfinite().all()):
        raise ValueError(
            "loss must be finite numbers; write a large number for what must never happen"
        )
