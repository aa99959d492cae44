"""Data in whatever form they come: a pair of tensors, a TensorDataset, a DataLoader; checked once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
)

from zoo.model import BayesianNetwork
from zoo.predictive.inputs import evaluate_once
from zoo.runtime.modes import evaluation_mode

Data = tuple[Tensor, Tensor] | Dataset | DataLoader


@dataclass
class Batches:
    """Batches (x, y) of the data on the model's device, an epoch at a time.

    Arguments:
        x: All inputs (N, ...), None when a loader holds them.
        y: All targets (N, ...), None likewise.
        loader: The user's loader, None for tensors.
        size: Batch size B, N for all data at once.
        num_data: Number of data N.
        model: The model, for device, dtype and checks.
    """

    x: Tensor | None
    y: Tensor | None
    loader: DataLoader | None
    size: int
    num_data: int
    model: BayesianNetwork

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return (
            len(self.loader)
            if self.loader is not None
            else -(-self.num_data // self.size)
        )

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch, shuffled unless they are all of the data."""
        if self.loader is not None:
            for batch in self.loader:
                yield checked(
                    self.model,
                    *on_device(self.model, *pair(batch, "a batch is a pair (x, y)")),
                )
        elif self.size >= self.num_data:
            yield self.x, self.y
        else:
            for index in (
                torch.randperm(self.num_data).to(self.x.device).split(self.size)
            ):
                yield self.x[index], self.y[index]

    def split(self, fraction: float) -> tuple[Batches, tuple[Tensor, Tensor]]:
        """Hold out a random part of the data: the batches of the rest, and the part."""
        if self.loader is not None:
            raise ValueError(
                "early stopping holds out a part of tensors; with a DataLoader give held_out=(x, y)"
            )
        order = torch.randperm(self.num_data).to(self.x.device)
        held = max(1, round(fraction * self.num_data))
        if held >= self.num_data:
            raise ValueError(
                f"holding out {fraction} of {self.num_data} data leaves none to fit"
            )
        out, rest = order[:held], order[held:]
        batches = Batches(
            self.x[rest],
            self.y[rest],
            None,
            min(self.size, len(rest)),
            len(rest),
            self.model,
        )
        return batches, (self.x[out], self.y[out])


def batches(
    model: BayesianNetwork, data: Data, batch_size: int | None = None
) -> Batches:
    """Make batches of data and check them against the model.

    Arguments:
        model: The model that is going to be fitted.
        data: A pair (x, y) of tensors, a `TensorDataset`, any map-style data set, or a
            `DataLoader`.
        batch_size: Size B of a batch; all data at once where nothing is said.

    Raises:
        ValueError: What is wrong with which datum, and what to write instead.
    """
    if isinstance(data, DataLoader):
        if batch_size is not None:
            raise ValueError(
                "a DataLoader has its batch size already; leave batch_size away"
            )
        if isinstance(data.dataset, IterableDataset):
            raise ValueError(
                "an IterableDataset does not say how many data it has, which the likelihood must be scaled by; give a "
                "data set with a length"
            )
        num_data = counted(data)
        if num_data == 0 or len(data) == 0:
            raise ValueError("the DataLoader is empty: it gives no batch")
        checked(
            model,
            *on_device(model, *pair(next(iter(data)), "a batch is a pair (x, y)")),
        )
        return Batches(None, None, data, data.batch_size or num_data, num_data, model)
    if isinstance(data, Dataset) and not isinstance(data, TensorDataset):
        if len(data) == 0:
            raise ValueError(
                f"the data set is empty: {type(data).__name__} has length 0"
            )
        return batches(
            model,
            DataLoader(data, batch_size or len(data), shuffle=batch_size is not None),
        )
    x, y = checked(model, *on_device(model, *pair(data)))
    if batch_size is not None and batch_size < 1:
        raise ValueError(
            f"batch_size is a number of data, at least 1, not {batch_size}"
        )
    return Batches(x, y, None, min(batch_size or len(x), len(x)), len(x), model)


def counted(loader: DataLoader) -> int:
    """Return how many data a loader goes through in an epoch, of which a batch sampler draws many at once."""
    if isinstance(loader.sampler, BatchSampler):
        return len(loader.sampler.sampler)
    if loader.batch_size is None and loader.batch_sampler is None:
        raise ValueError(
            "a DataLoader with batch_size=None does not say how many data its batches hold, which the likelihood must "
            "be scaled by; write DataLoader(data, sampler=BatchSampler(RandomSampler(data), size, False), "
            "batch_size=None)"
        )
    return len(loader.sampler) if loader.sampler is not None else len(loader.dataset)


def full(model: BayesianNetwork, data: Data) -> tuple[Tensor, Tensor]:
    """Return all data at once, checked: inputs and targets."""
    parts = list(batches(model, data).epoch())
    if getattr(data, "drop_last", False):
        raise ValueError(
            "all data are needed at once, but this DataLoader drops its last batch; write drop_last=False"
        )
    return torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])


def pair(
    data: object, what: str = "data is a pair (x, y), a TensorDataset or a DataLoader"
) -> tuple[Tensor, Tensor]:
    """Return the inputs and targets of a pair of tensors or a `TensorDataset`."""
    tensors = data.tensors if isinstance(data, TensorDataset) else data
    if not isinstance(tensors, (tuple, list)) or len(tensors) != 2:
        length = f" of {len(tensors)}" if isinstance(tensors, (tuple, list)) else ""
        raise TypeError(f"{what}, not {type(data).__name__}{length}")
    for role, tensor in zip(("inputs", "targets"), tensors, strict=True):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"the {role} are a {type(tensor).__name__}; write torch.as_tensor(...)"
            )
    return tensors[0], tensors[1]


def on_device(model: BayesianNetwork, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Move inputs and targets to the model's device, and floating inputs to its dtype."""
    like = model.first_parameter
    return x.to(like.device, like.dtype if x.is_floating_point() else x.dtype), y.to(
        like.device
    )


def checked(model: BayesianNetwork, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Refuse data that the model cannot have produced, in a sentence."""
    if len(x) != len(y):
        raise ValueError(
            f"there are {len(x)} inputs and {len(y)} targets: shapes {tuple(x.shape)}, {tuple(y.shape)}"
        )
    if len(x) == 0:
        raise ValueError("there are no data: the inputs have length 0")
    for role, tensor in (("inputs", x), ("targets", y)):
        finite = torch.isfinite(tensor)
        if not bool(finite.all()):
            row = int((~finite.reshape(len(tensor), -1).all(-1)).nonzero()[0])
            raise ValueError(
                f"the {role} hold NaN or infinite values, the first in row {row}; remove or impute them"
            )
    with torch.no_grad(), evaluation_mode(model.network):
        output = evaluate_once(model, model.plan.inits(model.network), x, rows=2)
    if len(output) != len(x[:2]):
        raise ValueError(
            f"the network gives outputs of shape {tuple(output.shape)} for inputs of shape {tuple(x[:2].shape)}; the "
            "batch must be the first dimension"
        )
    shape = (len(x), *output.shape[1:])
    model.likelihood.check(output[:1].expand(shape).contiguous(), y)
    return x, y
