"""Counts of people's answers as shares, checked."""

from __future__ import annotations

import torch
from torch import Tensor


def shares(counts: Tensor) -> Tensor:
    """Return the share of people who name each class, (N, O), in float64.

    Arguments:
        counts: Number of people who name each class, (N, O).

    Raises:
        ValueError: Counts that are none, or an input without people.
    """
    if counts.dim() != 2:
        raise ValueError(
            f"counts must be (N, O), the number of people who name each class, not of shape "
            f"{tuple(counts.shape)}"
        )

    if bool((counts < 0).any()) or bool((counts != counts.round()).any()):
        raise ValueError(
            "counts must be whole numbers of people; write counts, not shares or probabilities"
        )

    values = counts.to(torch.float64)
    total = values.sum(-1, keepdim=True)
    (empty,) = (total[:, 0] == 0).nonzero(as_tuple=True)
    if len(empty):
        raise ValueError(
            f"counts of row {int(empty[0])} are of no person; leave out inputs that nobody named"
        )

    return values / total


def checked_pair(probs: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return class probabilities and shares of people, (N, O) each, in float64.

    Arguments:
        probs: Class probabilities, averaged over draws, (N, O).
        counts: Number of people who name each class, (N, O).

    Raises:
        ValueError: Other shapes, counts that are none, or an input without people.
    """
    if probs.shape != counts.shape:
        raise ValueError(
            f"probs has shape {tuple(probs.shape)} and counts {tuple(counts.shape)}; write (N, O) "
            "for both, probabilities averaged over draws"
        )

    q = shares(counts)

    return probs.to(q), q
