"""The number of data N that a loader draws from, whatever its sampler draws in an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

_REMEDY = "write fit(loader, num_data=N)"


def count_data(loader: DataLoader) -> int:
    """Return the number of different data that a loader can give.

    It is not the number that a sampler draws in an epoch, which may repeat some data and
    omit others. A custom sampler is run twice: if both passes give the same data, it draws
    from these, else from the whole data set.

    Arguments:
        loader: The loader.

    Raises:
        ValueError: It does not say: a data set without a length, or batches of unknown
            size.
    """
    dataset: Any = loader.dataset
    if isinstance(dataset, IterableDataset):
        if not hasattr(dataset, "__len__"):
            raise ValueError(
                "the number of data scales the likelihood, but an IterableDataset has no length; "
                f"{_REMEDY}, with the number of data N, or give a data set with a length"
            )

        return len(dataset)

    if loader.batch_sampler is not None:
        return _count(loader.batch_sampler, len(dataset))

    if isinstance(loader.sampler, BatchSampler):  # which draws batches, not data
        return _count(loader.sampler, len(dataset))

    raise ValueError(
        "the number of data scales the likelihood, but a DataLoader with batch_size=None does not "
        f"say how many data its batches hold; {_REMEDY}, with the number of data N, or "
        "DataLoader(data, sampler=BatchSampler(RandomSampler(data), size, False), batch_size=None)"
    )


def gives_each_once(loader: DataLoader) -> bool:
    """Return whether a pass through a loader gives each datum once, as far as it says."""
    sampler = _sampler_of_data(loader)
    if getattr(sampler, "replacement", False):
        return False

    if isinstance(sampler, (RandomSampler, WeightedRandomSampler)):
        return sampler.num_samples == _count(sampler, 0)

    return True


def draws_unevenly(loader: DataLoader) -> bool:
    """Return whether a loader draws some of its data more often than others, as weights do."""
    sampler = _sampler_of_data(loader)
    if not isinstance(sampler, WeightedRandomSampler):
        return False

    drawn = sampler.weights[sampler.weights > 0]
    is_even = bool((drawn == drawn[0]).all())

    return not is_even and not gives_each_once(loader)


def _sampler_of_data(loader: DataLoader) -> Any:
    """Return the sampler of data, without those that make batches of them."""
    sampler: Any = (
        loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    )
    while isinstance(sampler, BatchSampler):
        sampler = sampler.sampler

    return sampler


def _count(sampler: Any, num_data: int) -> int:
    """Return the number of different data that a sampler can draw.

    Arguments:
        sampler: A sampler of data or of batches.
        num_data: Number of data of the data set.
    """
    if isinstance(sampler, BatchSampler):
        return _count(sampler.sampler, num_data)

    if isinstance(sampler, (SequentialSampler, RandomSampler)):
        return len(sampler.data_source)

    if isinstance(sampler, WeightedRandomSampler):
        return int((sampler.weights > 0).sum())

    if isinstance(sampler, SubsetRandomSampler):
        return len(set(sampler.indices))

    if isinstance(sampler, Sequence):
        return len(_flat(sampler))

    return _count_by_running(sampler, num_data)


def _count_by_running(sampler: Iterable[Any], num_data: int) -> int:
    """Return how many different data two passes through a custom sampler give."""
    most = 4 * num_data + 1  # an endless one is stopped
    with torch.random.fork_rng():
        passes = [_flat(list(islice(sampler, most))) for _ in range(2)]

    is_fixed = passes[0] == passes[1]

    return len(passes[0]) if is_fixed else num_data


def _flat(indices: Iterable[Any]) -> set[Any]:
    """Return the different indices of a pass, whether it gives data or batches of them."""
    found: set[Any] = set()
    for index in indices:
        found.update(map(int, index) if isinstance(index, Iterable) else [int(index)])

    return found
