"""Permuted: a data set as a stream of tasks, each with its inputs in another order."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.stream import Stream
from zoo.datasets.units import Units


def permuted(data: Dataset, num_tasks: int = 10, *, seed: int = 0) -> Stream:
    r"""Make a stream of tasks from a data set, each with a fixed permutation of the inputs.

    .. math:: D_t = \{(x_{\pi_t}, y)\}, \qquad \pi_1 = \text{id}

    The first task is the data set itself. The pixels of an image are permuted alike in all
    channels, and the columns of a table with their names.

    References:
        An Empirical Investigation of Catastrophic Forgetting in Gradient-Based Neural Networks
        (Goodfellow, Mirza, Xiao, Courville, Bengio, 2014)

    Arguments:
        data: A data set; its targets remain.
        num_tasks: Number of tasks T.
        seed: Seed of the permutations; that of a task does not depend on T.

    Raises:
        ValueError: No task.

    Example:
        >>> tasks = datasets.permuted(datasets.digits(), 3)
        >>> tasks, tasks[2]
        (Stream('permuted digits', tasks=3), Dataset('digits, permutation 2', ... classes=10))
        >>> bool((tasks[1].train.x.sum((1, 2, 3)) == tasks[0].train.x.sum((1, 2, 3))).all())
        True
    """
    if num_tasks < 1:
        raise ValueError(f"num_tasks must be at least 1, not {num_tasks}")

    generator = torch.Generator().manual_seed(seed)
    is_image = data.train.x.dim() > 2
    shape = data.train.x.shape[2:] if is_image else data.train.x.shape[1:]
    size = shape.numel()
    orders = [torch.arange(size)]
    for _ in range(num_tasks - 1):
        orders.append(torch.randperm(size, generator=generator))

    def make(task: int) -> Dataset:
        return _task(data, task, orders[task])

    return Stream(f"permuted {data.name}", num_tasks, make)


def _task(data: Dataset, task: int, order: Tensor) -> Dataset:
    """Return a data set with its inputs in another order."""
    if task == 0:
        return data

    is_table = data.train.x.dim() <= 2
    x_units, x_names = data.x_units, data.x_names
    if is_table and x_units is not None:
        x_units = Units(x_units.loc[order], x_units.scale[order])

    if is_table and x_names is not None:
        x_names = tuple(x_names[place] for place in order.tolist())

    validation = None
    if data.validation is not None:
        validation = _part(data.validation, order)

    return Dataset(
        name=f"{data.name}, permutation {task}",
        train=_part(data.train, order),
        test=_part(data.test, order),
        x_units=x_units,
        y_units=data.y_units,
        validation=validation,
        classes=data.classes,
        x_names=x_names,
        y_names=data.y_names,
        licence=data.licence,
    )


def _part(part: Split, order: Tensor) -> Split:
    """Return inputs with their last dimensions, the pixels or the columns, in another order."""
    x, y = part
    rows = x.flatten(2) if x.dim() > 2 else x  # (N, C, H W) or (N, D)
    moved = rows[..., order.to(x.device)]

    return Split(moved.reshape(x.shape), y)
