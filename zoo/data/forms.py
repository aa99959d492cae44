"""Data in any form: a pair of tensors, a data set or a loader, given to fits as batches."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
)

from zoo.data.checks import Batch, checked, checked_batch, on_device, pair
from zoo.data.minibatches import Batches, LoaderBatches, TensorBatches
from zoo.model import BayesianNetwork
from zoo.runtime.rows import concatenate, num_rows


@runtime_checkable
class DatasetParts(Protocol):
    """A data set with a training and a test part, such as `datasets.uci("yacht")`."""

    @property
    def train(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the training part."""
        ...

    @property
    def test(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the test part."""
        ...


Data = tuple[Tensor, Tensor] | DatasetParts | Dataset | DataLoader
"""What a model is fitted to, in any of these forms:

- a pair (x, y) of tensors, or a `TensorDataset` of two;
- a data set with parts, such as `datasets.uci("yacht")`, of which a fit takes the
  training part `train`;
- any other map-style `torch.utils.data.Dataset` of pairs;
- a `DataLoader` of batches (x, y).
"""


def batches(
    model: BayesianNetwork, data: Data, batch_size: int | None = None
) -> Batches:
    """Return batches of data, which are checked against the model.

    Arguments:
        model: The model that will be fitted.
        data: A pair (x, y) of tensors, a data set whose part `train` is taken, a
            `TensorDataset` or another map-style data set, or a `DataLoader`.
        batch_size: Size B of a batch; by default all data at once.

    Raises:
        ValueError: Data that do not fit the model; the message names the datum and the
            remedy.
        TypeError: Data in another form.
    """
    if isinstance(data, DataLoader):
        if batch_size is not None:
            raise ValueError(
                "a DataLoader has a batch size of its own; omit batch_size"
            )

        return _batches_of_loader(model, data)

    if isinstance(data, TensorDataset):
        return _batches_of_tensors(model, pair(data), batch_size)

    if isinstance(data, Dataset):
        return _batches_of_dataset(model, data, batch_size)

    if isinstance(data, DatasetParts):
        return _batches_of_tensors(model, pair(data.train), batch_size)

    return _batches_of_tensors(model, pair(data), batch_size)


def full(model: BayesianNetwork, data: Data) -> Batch:
    """Return all data at once, checked against the model: inputs and targets.

    Arguments:
        model: The model that will be fitted.
        data: Data in any form.

    Raises:
        ValueError: Data that do not fit the model, or a loader that drops some.
    """
    found = batches(model, data)
    if getattr(found.loader, "drop_last", False):
        raise ValueError(
            "all data are needed at once, but this DataLoader drops its last batch; "
            "write drop_last=False"
        )

    parts = list(found.epoch())
    inputs = [x for x, _ in parts]
    targets = [y for _, y in parts]

    return concatenate(inputs), concatenate(targets)


def _batches_of_tensors(
    model: BayesianNetwork, data: Batch, batch_size: int | None
) -> Batches:
    """Return batches of a pair of tensors."""
    x, y = checked(model, *on_device(model, *data))
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")

    num_data = num_rows(x)
    size = min(batch_size or num_data, num_data)

    return TensorBatches(model=model, x=x, y=y, size=size, num_data=num_data)


def _batches_of_dataset(
    model: BayesianNetwork, data: Dataset, batch_size: int | None
) -> Batches:
    """Return batches of a map-style data set."""
    num_data = len(data)
    if num_data == 0:
        family = type(data).__name__
        raise ValueError(f"the data set is empty: {family} has length 0")

    is_shuffled = batch_size is not None
    loader = DataLoader(data, batch_size or num_data, shuffle=is_shuffled)

    return _batches_of_loader(model, loader)


def _batches_of_loader(model: BayesianNetwork, loader: DataLoader) -> Batches:
    """Return the batches of a loader, the first of which is checked now."""
    if isinstance(loader.dataset, IterableDataset):
        raise ValueError(
            "the number of data scales the likelihood, but an IterableDataset has no length; "
            "give a data set with a length"
        )

    num_data = _num_data(loader)
    if num_data == 0 or len(loader) == 0:
        raise ValueError("the DataLoader is empty: it gives no batch")

    checked_batch(model, next(iter(loader)))
    size = loader.batch_size or num_data

    return LoaderBatches(model=model, loader=loader, size=size, num_data=num_data)


def _num_data(loader: DataLoader) -> int:
    """Return the number of data that a loader gives in an epoch."""
    if isinstance(loader.sampler, BatchSampler):  # which draws batches, not data
        return len(loader.sampler.sampler)

    if loader.batch_size is None and loader.batch_sampler is None:
        raise ValueError(
            "the number of data scales the likelihood, but a DataLoader with batch_size=None does "
            "not say how many data its batches hold; write DataLoader(data, "
            "sampler=BatchSampler(RandomSampler(data), size, False), batch_size=None)"
        )

    return len(loader.sampler if loader.sampler is not None else loader.dataset)
