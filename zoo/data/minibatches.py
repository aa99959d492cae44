"""Batches of the data that a model is fitted to: of tensors, or of the user's loader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.data.checks import Batch, checked_batch
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.rows import Rows, take, tensors_of


@dataclass(kw_only=True)
class Batches:
    """Batches (x, y) of the data on the model's device, an epoch at a time.

    Arguments:
        model: The model, for device, dtype and checks.
        size: Batch size B, N for all data at once.
        num_data: Number of data N.
        x: All inputs (N, ...); None if a loader holds them.
        y: All targets (N, ...); None if a loader holds them.
        loader: The user's loader; None for tensors.
    """

    model: BayesianNetwork
    size: int
    num_data: int
    x: Rows | None = None
    y: Tensor | Observed | None = None
    loader: DataLoader | None = None

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        raise NotImplementedError

    def epoch(self) -> Iterator[Batch]:
        """Give the batches of one epoch."""
        raise NotImplementedError

    def split(self, fraction: float) -> tuple[Batches, Batch]:
        """Hold out a random part of the data, for early stopping.

        Arguments:
            fraction: Size of the part, as a fraction of the data.

        Returns:
            The batches of the other data, and the part (x, y).

        Raises:
            ValueError: No data are left, or a loader holds them.
        """
        raise NotImplementedError


@dataclass(kw_only=True)
class TensorBatches(Batches):
    """Batches of tensors, shuffled unless a batch is all of the data."""

    x: Rows
    y: Tensor | Observed

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.num_data // self.size)

    def epoch(self) -> Iterator[Batch]:
        """Give the batches of one epoch."""
        if self.size >= self.num_data:
            yield self.x, self.y
            return

        for index in self._shuffled().split(self.size):
            yield take(self.x, index), take(self.y, index)

    def split(self, fraction: float) -> tuple[Batches, Batch]:
        """Hold out a random part of the data, for early stopping."""
        order = self._shuffled()
        num_held_out = max(1, round(fraction * self.num_data))
        if num_held_out >= self.num_data:
            raise ValueError(
                f"fraction={fraction} of {self.num_data} data leaves none to fit; "
                "write a smaller fraction"
            )

        held_out = order[:num_held_out]
        rest = order[num_held_out:]
        batches = TensorBatches(
            model=self.model,
            x=take(self.x, rest),
            y=take(self.y, rest),
            size=min(self.size, len(rest)),
            num_data=len(rest),
        )

        return batches, (take(self.x, held_out), take(self.y, held_out))

    def _shuffled(self) -> Tensor:
        """Return the indices of all data in random order."""
        return torch.randperm(self.num_data).to(tensors_of(self.x)[0].device)


@dataclass(kw_only=True)
class LoaderBatches(Batches):
    """Batches of a loader, each checked against the model."""

    loader: DataLoader

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return len(self.loader)

    def epoch(self) -> Iterator[Batch]:
        """Give the batches of one epoch."""
        for batch in self.loader:
            yield checked_batch(self.model, batch)

    def split(self, fraction: float) -> tuple[Batches, Batch]:
        """Refuse to hold out a part of the data."""
        raise ValueError(
            "early stopping cannot hold out a part of a DataLoader; write held_out=(x, y)"
        )
