"""Batches of the data that a model is fitted to: of tensors, or of the user's loader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.data.batch_form import BatchForm
from zoo.data.checks import Batch, checked, on_device
from zoo.data.columns import Columns, are_uneven
from zoo.data.counting import draws_unevenly
from zoo.data.missing import report_missing
from zoo.data.table_names import Names
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.rows import Rows, num_rows, take, tensors_of

_OF_A_STREAM = 100  # batches that count as an epoch, for schedulers that look at one


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
        names: Names of the columns of inputs that are tables.
    """

    model: BayesianNetwork
    size: int
    num_data: int
    x: Rows | None = None
    y: Tensor | Observed | None = None
    loader: DataLoader | None = None
    names: Names = None

    @property
    def has_length(self) -> bool:
        """Whether the number of batches is known without a pass."""
        return True

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        raise NotImplementedError

    @property
    def per_pass(self) -> int:
        """Number of batches after which an epoch is said to end, without a pass to count them."""
        return self.per_epoch if self.has_length else _OF_A_STREAM

    @property
    def form(self) -> BatchForm:
        """Which part of a batch are the inputs."""
        raise NotImplementedError

    @property
    def is_weighted(self) -> bool:
        """Whether some data count more than others, so that the density is not of the data."""
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
    def num_here(self) -> int:
        """Number of rows of the tensors, N unless the user says another one."""
        return num_rows(self.x)

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.num_here // self.size)

    @property
    def form(self) -> BatchForm:
        """Which part of a batch are the inputs."""
        return BatchForm.of(self.x, names=self.names)

    @property
    def is_weighted(self) -> bool:
        """Whether data have weights that are neither 0 nor 1."""
        return are_uneven(self.y)

    def epoch(self) -> Iterator[Batch]:
        """Give the batches of one epoch."""
        if self.size >= self.num_here:
            yield self.x, self.y
            return

        for index in self.indices():
            yield take(self.x, index), take(self.y, index)

    def indices(self) -> Iterator[Tensor]:
        """Give the rows of each batch of one epoch, shuffled anew."""
        yield from self._shuffled().split(self.size)

    def split(self, fraction: float) -> tuple[Batches, Batch]:
        """Hold out a random part of the data, for early stopping."""
        if self.model.whole:
            raise ValueError(
                "a network that must see all rows at once leaves none out; for early stopping "
                "write held_out=(x, likelihoods.Observed(y, weights=mask)), where the mask says "
                "which rows are scored"
            )

        order = self._shuffled()
        num_here = len(order)
        num_held_out = max(1, round(fraction * num_here))
        if num_held_out >= num_here:
            raise ValueError(
                f"fraction={fraction} of {num_here} data leaves none to fit; "
                "write a smaller fraction"
            )

        held_out = order[:num_held_out]
        rest = order[num_held_out:]
        batches = TensorBatches(
            model=self.model,
            x=take(self.x, rest),
            y=take(self.y, rest),
            size=min(self.size, len(rest)),
            num_data=round(self.num_data * len(rest) / num_here),
            names=self.names,
        )

        return batches, (take(self.x, held_out), take(self.y, held_out))

    def _shuffled(self) -> Tensor:
        """Return the indices of all data in random order."""
        return torch.randperm(self.num_here).to(tensors_of(self.x)[0].device)


@dataclass(kw_only=True)
class LoaderBatches(Batches):
    """Batches of a loader, each checked against the model.

    Arguments:
        columns: What else is said of the data: the target's name, weights, known
            quantities.
    """

    loader: DataLoader
    columns: Columns = field(default_factory=Columns)
    _form: BatchForm = field(default_factory=BatchForm)
    _is_weighted: bool = False
    _num_batches: int | None = None

    @property
    def has_length(self) -> bool:
        """Whether the loader says how many batches it gives, unlike one of a stream."""
        try:
            return len(self.loader) >= 0
        except TypeError:
            return False

    @property
    def has_no_batch(self) -> bool:
        """Whether the loader says that it gives no batch."""
        return self.has_length and len(self.loader) == 0

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch, counted in a pass if the loader does not say it."""
        if self._num_batches is None:
            batches = (
                len(self.loader) if self.has_length else sum(1 for _ in self.loader)
            )
            self._num_batches = batches

        return self._num_batches

    @property
    def form(self) -> BatchForm:
        """Which part of a batch are the inputs."""
        return self._form

    @property
    def is_weighted(self) -> bool:
        """Whether a datum so far had a weight, or is drawn more often than others."""
        return self._is_weighted or draws_unevenly(self.loader)

    def check_first(self) -> None:
        """Check the first batch, which says what the others are like.

        Raises:
            ValueError: There is none, or it does not fit the model.
        """
        x, y = next(self.epoch())
        report_missing(self.model, y, "the first batch")
        self._form = BatchForm.of(x, self.columns.given)

    def epoch(self) -> Iterator[Batch]:
        """Give the batches of one epoch.

        Raises:
            ValueError: There is none, as in the second pass through a generator.
        """
        is_empty = True
        for batch in self.loader:
            is_empty = False
            x, y = self.columns.unpacked(self.model, batch)
            self._is_weighted = self._is_weighted or are_uneven(y)
            yield checked(self.model, *on_device(self.model, x, y))

        if is_empty:
            raise ValueError(
                "a pass through the DataLoader gives no batch; a data set must give its data in "
                "every pass, so let __iter__ of an IterableDataset start again"
            )

    def split(self, fraction: float) -> tuple[Batches, Batch]:
        """Refuse to hold out a part of the data."""
        raise ValueError(
            "early stopping cannot hold out a part of a DataLoader; write held_out=(x, y)"
        )
