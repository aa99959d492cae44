"""Coreset: a few rows that represent the training part of a task."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split


class ChooseRows(Protocol):
    """A rule that chooses rows of inputs, such as `k_centre`."""

    def __call__(self, x: Tensor, number: int, *, seed: int) -> Tensor:
        """Return the chosen rows, (number,)."""
        ...


def random_rows(x: Tensor, number: int, *, seed: int = 0) -> Tensor:
    """Choose rows at random, each once.

    References:
        Variational Continual Learning (Nguyen, Li, Bui, Turner, 2018)

    Arguments:
        x: Inputs, (N, ...).
        number: Number of rows.
        seed: Seed of the choice.

    Example:
        >>> datasets.random_rows(torch.zeros(100, 2), 3).shape
        torch.Size([3])
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)

    return order[:number].to(x.device)


def k_centre(x: Tensor, number: int, *, seed: int = 0) -> Tensor:
    r"""Choose rows greedily, each the farthest from those already chosen.

    .. math:: i_{k+1} = \arg\max_i \min_{l \le k} \lVert x_i - x_{i_l} \rVert

    No row is then more than twice as far from a chosen one as with the best choice.

    References:
        Clustering to Minimize the Maximum Intercluster Distance (Gonzalez, 1985)

    Arguments:
        x: Inputs, (N, ...).
        number: Number of rows.
        seed: Seed of the first row.

    Example:
        >>> x = torch.tensor([[0.0], [0.1], [0.2], [5.0], [9.0]])
        >>> sorted(datasets.k_centre(x, 3).tolist())[-2:]
        [3, 4]
    """
    rows = x.flatten(1)
    squares = rows.square().sum(-1)
    chosen = [int(random_rows(x, 1, seed=seed))]
    nearest = torch.full_like(squares, torch.inf)
    for _ in range(number - 1):
        last = chosen[-1]
        distances = squares + squares[last] - 2 * (rows @ rows[last])
        nearest = nearest.minimum(distances)
        nearest[last] = -torch.inf
        chosen.append(int(nearest.argmax()))

    return torch.tensor(chosen, device=x.device)


def coreset(
    data: Dataset, number: int, choose: ChooseRows = k_centre, *, seed: int = 0
) -> tuple[Dataset, Split]:
    r"""Take a few rows out of the training part of a task, to be learned last.

    .. math:: D_t = (D_t \setminus C_t) \cup C_t

    The posterior of the rest is the prior of the next task. Before predictions, a copy of
    it learns the rows of all coresets so far. That copy is never a prior: it has seen
    rows that the next copy sees again.

    References:
        Variational Continual Learning (Nguyen, Li, Bui, Turner, 2018)

    Arguments:
        data: The task.
        number: Number of rows of the coreset.
        choose: Chooses them: `k_centre`, `random_rows`, or a function of your own.
        seed: Seed of the choice.

    Returns:
        The task without these rows, and the rows.

    Raises:
        ValueError: No row, or all of them.

    Example:
        >>> rest, core = datasets.coreset(datasets.digits(), 40)
        >>> rest, len(core.x)
        (Dataset('digits', train=1397, test=360, inputs=1x8x8, classes=10), 40)
    """
    total = len(data.train.x)
    if number not in range(1, total):
        raise ValueError(
            f"a coreset of {data.name!r} has 1 to {total - 1} of its {total} rows, not {number}"
        )

    rows = choose(data.train.x, number, seed=seed)
    is_left = torch.ones(total, dtype=torch.bool, device=data.train.y.device)
    is_left[rows] = False

    return replace(data, train=data.train.take(is_left)), data.train.take(rows)
