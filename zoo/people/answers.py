"""One person of many: a simulated answer, and how often people are wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.people.shares import shares


def answers(counts: Tensor, seed: int = 0) -> Tensor:
    r"""Draw the answer of one of the people at each input, (N,).

    .. math:: y_n \sim \text{Categorical}(n_{nk} / \sum_j n_{nj})

    References:
        Human uncertainty makes classification more robust (Peterson, Battleday, Griffiths,
        Russakovsky, 2019)

    Arguments:
        counts: Number of people who name each class, (N, O).
        seed: Seed of the draw.

    Raises:
        ValueError: Counts that are none, or an input without people.

    Example:
        >>> from zoo import people
        >>> people.answers(torch.tensor([[51, 0], [0, 47]]))
        tensor([0, 1])
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(shares(counts).cpu(), 1, generator=generator)

    return drawn[:, 0].to(counts.device)


def mistakes(counts: Tensor, y: Tensor) -> Tensor:
    r"""Return the share of people who do not name the label, (N,): the error of one of them.

    .. math:: 1 - n_{n y_n} / \sum_j n_{nj}

    References:
        Human uncertainty makes classification more robust (Peterson, Battleday, Griffiths,
        Russakovsky, 2019)

    Arguments:
        counts: Number of people who name each class, (N, O).
        y: Labels, (N,).

    Raises:
        ValueError: Counts that are none, an input without people, or labels of another
            number.

    Example:
        >>> from zoo import people
        >>> people.mistakes(torch.tensor([[3, 1], [0, 5]]), torch.tensor([0, 1]))
        tensor([0.2500, 0.0000])
    """
    if y.shape != counts.shape[:1]:
        raise ValueError(
            f"y has shape {tuple(y.shape)} and counts {tuple(counts.shape)}; write a label for "
            "each input, (N,)"
        )

    q = shares(counts)
    right = q.gather(-1, y.long().to(q.device).unsqueeze(-1))

    return (1 - right[:, 0]).float()
