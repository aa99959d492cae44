"""A pool: data of which some are labelled, and the labels of others can be acquired."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.datasets import Split


class Pool:
    """Training data whose labels are unknown until they are acquired, some at a time.

    Active learning is a loop over it: fit to `labelled`, predict at `candidates`, and let
    `label` reveal the labels with the highest scores.

    References:
        Active Learning Literature Survey (Settles, 2009)
        Deep Bayesian Active Learning with Image Data (Gal, Islam, Ghahramani, 2017)

    Arguments:
        data: Inputs (N, ...) and targets (N, ...).
        labelled: The number of data that are labelled at the start, drawn at random, or
            their rows (M,).
        num_candidates: The number of unlabelled data that are offered at a time, drawn at
            random after each call of `label`; None for all of them.
        seed: Seed of these draws.

    Attributes:
        rows: Rows of the labelled data, in the order of their labels, (M,).

    Raises:
        ValueError: More labelled data than there are, none, or a row twice.

    Example:
        >>> from zoo import acquisition
        >>> pool = acquisition.Pool(digits.train, labelled=20)
        >>> for _ in range(3):
        ...     engine = inference.SVI(
        ...         classifier.model,
        ...         guides.MeanField(classifier.model),
        ...         num_steps=5,
        ...         progress=False,
        ...     )
        ...     posterior = engine.fit(pool.labelled)
        ...     prediction = posterior.predict(pool.candidates, num_samples=10)
        ...     asked = pool.label(acquisition.bald(prediction), 10)
        >>> pool
        Pool of 1437 data: 50 labelled
    """

    def __init__(
        self,
        data: Split | tuple[Tensor, Tensor],
        labelled: int | Tensor,
        num_candidates: int | None = None,
        seed: int = 0,
    ) -> None:
        self._x, self._y = data
        self._num_candidates = num_candidates
        self._generator = torch.Generator().manual_seed(seed)
        self.rows = self._first(labelled)
        self._offered = self._offer()

    def __len__(self) -> int:
        return len(self._y)

    @property
    def labelled(self) -> Split:
        """Inputs and targets of the data that are labelled."""
        return Split(self._x[self.rows], self._y[self.rows])

    @property
    def candidates(self) -> Tensor:
        """Inputs (C, ...) whose labels can be acquired, the same until `label` is called."""
        return self._x[self._offered]

    def label(self, scores: Tensor, number: int = 1) -> Tensor:
        """Acquire the labels of the candidates with the highest scores.

        Arguments:
            scores: A score for each candidate, (C,), as an acquisition function gives it.
            number: Number of labels.

        Returns:
            The rows of the data that are labelled now, the highest score first.

        Raises:
            ValueError: Scores of another number, or NaN; more labels than candidates.
        """
        self._check(scores, number)
        order = scores.cpu().argsort(descending=True, stable=True)
        asked = self._offered[order[:number]]
        self.rows = torch.cat([self.rows, asked])
        self._offered = self._offer()

        return asked

    def _first(self, labelled: int | Tensor) -> Tensor:
        """Return the rows that are labelled at the start."""
        if isinstance(labelled, int):
            order = torch.randperm(len(self), generator=self._generator)
            rows = order[: max(0, labelled)]
            number = labelled
        else:
            rows = labelled.cpu().long()
            number = len(rows)

        if not 0 < number <= len(self) or len(rows.unique()) < number:
            raise ValueError(
                f"labelled must be a number from 1 to {len(self)}, the number of data, or as "
                f"many different rows, not {labelled}"
            )

        return rows

    def _offer(self) -> Tensor:
        """Return the rows of the candidates, some of the unlabelled data."""
        is_free = torch.ones(len(self), dtype=torch.bool)
        is_free[self.rows] = False
        (free,) = is_free.nonzero(as_tuple=True)
        if self._num_candidates is None:
            return free

        order = torch.randperm(len(free), generator=self._generator)
        chosen = order[: self._num_candidates]

        return free[chosen].sort().values

    def _check(self, scores: Tensor, number: int) -> None:
        """Refuse scores that are not those of the candidates, and too many labels."""
        size = len(self._offered)
        if scores.shape != (size,) or bool(scores.isnan().any()):
            raise ValueError(
                f"scores must be {size} numbers, one for each of pool.candidates, not "
                f"{_describe(scores)}"
            )

        if not 0 < number <= size:
            raise ValueError(
                f"number must be from 1 to {size}, the number of candidates, not {number}"
            )

    def __repr__(self) -> str:
        return f"Pool of {len(self)} data: {len(self.rows)} labelled"


def _describe(scores: Tensor) -> str:
    """Return what is wrong with scores."""
    if bool(scores.isnan().any()):
        return f"{int(scores.isnan().sum())} NaN among them"

    return f"a tensor of shape {tuple(scores.shape)}"
