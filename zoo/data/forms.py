"""Data in any form: a pair of tensors, a data set or a loader, given to fits as batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from zoo.data.checks import Batch, checked, on_device, pair
from zoo.data.column import is_column, is_table, with_column
from zoo.data.columns import Columns
from zoo.data.counting import count_data, gives_each_once
from zoo.data.minibatches import Batches, LoaderBatches, TensorBatches
from zoo.data.missing import report_missing
from zoo.data.table_names import names_of_inputs
from zoo.model import BayesianNetwork
from zoo.runtime.counts import check_count
from zoo.runtime.rows import Rows, concatenate, num_rows


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


Data = tuple[Rows, Any] | Mapping[str, Any] | DatasetParts | Dataset | DataLoader
"""What a model is fitted to, in any of these forms:

- a pair (x, y) of tensors, arrays or tables, where x may be a tuple or a mapping of several
  inputs; or a `TensorDataset`, whose last tensor is y;
- a mapping of tensors by name, or a table of columns, with `target=` naming y;
- a data set with parts, such as `datasets.uci("yacht")`, of which a fit takes the
  training part `train`;
- any other map-style `torch.utils.data.Dataset`;
- a `DataLoader` of batches (x, y), (x1, x2, y) or, with `target=`, mappings.
"""

_NOTHING = Columns()


def batches(
    model: BayesianNetwork,
    data: Data,
    batch_size: int | None = None,
    columns: Columns = _NOTHING,
    num_data: int | None = None,
) -> Batches:
    """Return batches of data, which are checked against the model.

    Arguments:
        model: The model that will be fitted.
        data: Data in any form.
        batch_size: Size B of a batch; by default all data at once.
        columns: What else is said of the data: the target's name, weights, known
            quantities.
        num_data: Number of data N; by default counted.

    Raises:
        ValueError: Data that do not fit the model; the message names the datum and the
            remedy.
        TypeError: Data in another form.
    """
    if num_data is not None and not (isinstance(num_data, int) and num_data >= 1):
        raise ValueError(
            f"num_data must be a whole number, at least 1, not {num_data!r}"
        )

    if isinstance(data, DataLoader):
        if batch_size is not None:
            raise ValueError(
                "a DataLoader has a batch size of its own; omit batch_size"
            )

        return _batches_of_loader(model, data, columns, num_data)

    if isinstance(data, Dataset) and not isinstance(data, TensorDataset):
        loader = _loader_of(data, batch_size)
        return _batches_of_loader(model, loader, columns, num_data)

    if is_table(data) and columns.target is not None:
        data, columns = columns.divided(data)

    if isinstance(data, Mapping):
        x, y = columns.keyed().unpacked(model, data)
        batch = columns.valued().attached(x, y)
    else:
        parts = data.train if isinstance(data, DatasetParts) else data
        batch = columns.attached(*pair(parts))
        if is_column(parts):
            batch = with_column(model, *batch)

    found = _batches_of_tensors(model, batch, batch_size, num_data)

    return replace(found, names=names_of_inputs(data))


def full(
    model: BayesianNetwork,
    data: Data,
    columns: Columns = _NOTHING,
    num_data: int | None = None,
) -> Batch:
    """Return all data at once, checked against the model: inputs and targets.

    Arguments:
        model: The model that will be fitted.
        data: Data in any form.
        columns: What else is said of the data.
        num_data: Number of data N, if the user says it.

    Raises:
        ValueError: Data that do not fit the model, or a loader that drops some or
            repeats some.
    """
    found = batches(model, data, columns=columns, num_data=num_data)
    check_all_data(found, "all data are needed at once")

    parts = list(found.epoch())
    x = concatenate([x for x, _ in parts])
    y = concatenate([y for _, y in parts])

    is_counted = num_data is None
    if is_counted and num_rows(x) != found.num_data:
        raise ValueError(
            f"all data are needed at once, but a pass through this DataLoader gives {num_rows(x)} "
            f"of {found.num_data} data; give one without a sampler, or the pair (x, y)"
        )

    return x, y


def check_all_data(data: Batches, purpose: str) -> None:
    """Check that an epoch of batches holds each datum once.

    Arguments:
        data: The batches.
        purpose: What needs all data, the beginning of the message.

    Raises:
        ValueError: A `DataLoader` that drops its last batch, or draws with replacement.
    """
    loader = data.loader
    if loader is None:
        return

    if loader.drop_last:
        raise ValueError(
            f"{purpose}, but this DataLoader drops its last batch; write drop_last=False"
        )

    if not gives_each_once(loader):
        raise ValueError(
            f"{purpose}, but the sampler of this DataLoader repeats or omits some; give one "
            "without a sampler, and weights=... for data that count more than others"
        )


def _loader_of(data: Dataset, batch_size: int | None) -> DataLoader:
    """Return a loader of a data set: in batches of a size, shuffled, or of all data."""
    family = type(data).__name__
    if isinstance(data, IterableDataset):
        raise TypeError(
            f"{family} is an IterableDataset, whose batches a DataLoader makes; write "
            "fit(DataLoader(data, batch_size=B), num_data=N)"
        )

    num_data = len(data)
    if num_data == 0:
        raise ValueError(f"the data set is empty: {family} has length 0")

    _check_size(batch_size)

    return DataLoader(data, batch_size or num_data, shuffle=batch_size is not None)


def _batches_of_tensors(
    model: BayesianNetwork,
    data: Batch,
    batch_size: int | None,
    num_data: int | None,
) -> Batches:
    """Return batches of a pair of tensors."""
    x, y = checked(model, *on_device(model, *data))
    report_missing(model, y)
    _check_size(batch_size)

    num_here = num_rows(x)
    if model.whole and batch_size is not None and batch_size < num_here:
        raise ValueError(_whole(model, f"omit batch_size={batch_size}"))

    size = min(batch_size or num_here, num_here)

    return TensorBatches(
        model=model, x=x, y=y, size=size, num_data=num_data or num_here
    )


def _whole(model: BayesianNetwork, remedy: str) -> str:
    """Return the message for batches of a network that must see all rows at once."""
    network = type(model.network).__name__

    return (
        f"{network} must see all rows at once, so there are no batches; {remedy}, and write "
        "fit((x, y), weights=mask) for the rows that are labelled"
    )


def _check_size(batch_size: int | None) -> None:
    """Refuse batches of no data."""
    if batch_size is not None:
        check_count("batch_size", batch_size)


def _batches_of_loader(
    model: BayesianNetwork, loader: DataLoader, columns: Columns, num_data: int | None
) -> Batches:
    """Return the batches of a loader, the first of which is checked now."""
    num_data = count_data(loader) if num_data is None else num_data
    found = LoaderBatches(
        model=model,
        loader=loader,
        size=loader.batch_size or num_data,
        num_data=num_data,
        columns=columns,
    )
    if num_data == 0 or found.has_no_batch:
        raise ValueError("the DataLoader is empty: it gives no batch")

    found.check_first()
    if model.whole and num_rows(next(found.epoch())[0]) < num_data:
        raise ValueError(_whole(model, "give the pair (x, y) instead of a DataLoader"))

    return found
