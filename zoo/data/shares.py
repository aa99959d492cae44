"""The rows of each batch that one of several processes takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from zoo.data.checks import Batch
from zoo.data.minibatches import Batches, LoaderBatches, TensorBatches
from zoo.runtime.processes import Processes
from zoo.runtime.rows import num_rows, take


class Shares:
    """The rows of each batch that one of K processes takes, an epoch at a time.

    All processes shuffle tensors alike, and each takes its slice of every batch. So they
    do with a loader that finds its data by their indices: each process loads its own rows
    alone. Any other loader, as of a stream or with a `DistributedSampler`, gives each
    process batches of its own, and an epoch ends when all of them have ended.

    Slices differ by at most one row. A process without a row gets one that does not count.

    Arguments:
        data: All batches.
        ranks: The processes.
    """

    def __init__(self, data: Batches, ranks: Processes) -> None:
        self.num_rows = 0  # of the present batch here, that count
        self.total = 0.0  # of the present batch in all processes
        self.order = SharedNumbers(0)
        self.data = data
        self._ranks = ranks
        self._sliced: _SlicedBatches | None = None
        if ranks.size > 1 and isinstance(data, LoaderBatches) and _is_found(data):
            self._sliced = _SlicedBatches(data.loader.batch_sampler, ranks, self.order)
            loader = _with_sampler(data.loader, self._sliced)
            self.data = replace(data, loader=loader)

    def epoch(self) -> Iterator[Batch]:
        """Give this process's rows of the batches of one epoch."""
        if self._ranks.size == 1:
            return self._whole()

        if isinstance(self.data, TensorBatches):
            return self._of_tensors(self.data)

        return self._whole() if self._sliced is not None else self._of_streams()

    def _whole(self) -> Iterator[Batch]:
        """Give batches as they are, or as the sampler has sliced them."""
        for x, y in self.data.epoch():
            self.num_rows = num_rows(x)
            self.total = self.num_rows
            if self._sliced is not None:
                self.num_rows, self.total = self._sliced.sizes.popleft()

            yield x, y

    def _of_tensors(self, data: TensorBatches) -> Iterator[Batch]:
        """Give this process's slice of each batch of tensors."""
        with self.order.drawn():
            batches = list(data.indices())

        for index in batches:
            own = index.tensor_split(self._ranks.size)[self._ranks.rank]
            self.num_rows = len(own)
            self.total = len(index)
            rows = own if len(own) else index[:1]
            yield take(data.x, rows), take(data.y, rows)

    def _of_streams(self) -> Iterator[Batch]:
        """Give the batches of this process, then rows that do not count until all have ended."""
        batches = self.data.epoch()
        batch = next(batches)
        while True:
            self.num_rows = num_rows(batch[0])
            self.total = self._ranks.total(self.num_rows)
            yield batch

            following = next(batches, None)
            if following is None:
                break

            batch = following

        one = torch.zeros(1, dtype=torch.long)
        x, y = take(batch[0], one), take(batch[1], one)
        self.num_rows = 0
        while self._total_of_others():
            yield x, y

    def _total_of_others(self) -> float:
        """Return the number of rows in the other processes, when this one has none."""
        self.total = self._ranks.total(0)

        return self.total


class SharedNumbers:
    """Random numbers that all processes draw alike, next to those that each has of its own.

    Arguments:
        seed: A number that all processes know.
    """

    def __init__(self, seed: int) -> None:
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begin anew."""
        self._state = torch.Generator().manual_seed(seed).get_state()

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Let torch draw these numbers in a `with` block."""
        own = torch.get_rng_state()
        torch.set_rng_state(self._state)
        try:
            yield
        finally:
            self._state = torch.get_rng_state()
            torch.set_rng_state(own)


class _SlicedBatches:
    """A sampler that gives one process its slice of each batch of another sampler."""

    def __init__(
        self, batches: Iterable[Any], ranks: Processes, order: SharedNumbers
    ) -> None:
        self.sizes: deque[tuple[int, int]] = deque()  # own rows that count, and all
        self._batches = batches
        self._ranks = ranks
        self._order = order

    def __len__(self) -> int:
        return len(self._batches)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[list[Any]]:
        self.sizes.clear()
        with self._order.drawn():
            batches = [list(batch) for batch in self._batches]

        for batch in batches:
            first = self._begin(len(batch), self._ranks.rank)
            last = self._begin(len(batch), self._ranks.rank + 1)
            self.sizes.append((last - first, len(batch)))
            yield batch[first:last] or batch[:1]

    def _begin(self, size: int, rank: int) -> int:
        """Return where the slice of a process begins."""
        least, rest = divmod(size, self._ranks.size)

        return rank * least + min(rank, rest)


def _is_found(data: LoaderBatches) -> bool:
    """Return whether a loader finds data by indices that all processes draw alike."""
    loader = data.loader
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        return False

    batches = loader.batch_sampler
    of_data = getattr(batches, "sampler", None)

    return not hasattr(batches, "num_replicas") and not hasattr(of_data, "num_replicas")


def _with_sampler(loader: DataLoader, batches: _SlicedBatches) -> DataLoader:
    """Return a loader with another sampler of batches."""
    return DataLoader(
        loader.dataset,
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
    )
