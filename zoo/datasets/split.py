"""Split: the classes of a data set as a stream of tasks, some classes each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.stream import Stream


def split(
    data: Dataset,
    groups: Sequence[Sequence[Hashable]] | None = None,
    *,
    relabel: bool = True,
) -> Stream:
    r"""Divide a classification set into a stream of tasks, each with some of the classes.

    .. math:: D_t = \{(x, y) \in D : y \in \text{group}_t\}

    The task is known at test time if each has a head of its own (task-incremental). One
    head of two outputs that all tasks share asks whether a digit is the first or the
    second of its pair (domain-incremental). Both have labels that count from 0 in each
    task. With `relabel=False` labels are those of the whole set (class-incremental).

    References:
        Continual Learning Through Synaptic Intelligence (Zenke, Poole, Ganguli, 2017), split
        MNIST; Three Types of Incremental Learning (van de Ven, Tuytelaars, Tolias, 2022)

    Arguments:
        data: A data set with classes.
        groups: The classes of each task, of those in `data.classes`; by default pairs of
            consecutive classes.
        relabel: Whether the labels of a task are places in its group, 0 to K - 1.

    Raises:
        ValueError: A task without data, without classes or with a class twice; a data set
            without classes, or of an odd number of them if there are no groups.

    Example:
        >>> tasks = datasets.split(datasets.digits())
        >>> tasks, tasks[4], tasks[4].classes
        (Stream('split digits', tasks=5), Dataset('digits 8, 9', ... classes=2), (8, 9))
    """
    if data.classes is None:
        raise ValueError(
            f"data set {data.name!r} has no classes to divide into tasks; give one of "
            "class indices"
        )

    chosen = _pairs(data) if groups is None else [tuple(group) for group in groups]
    for task, group in enumerate(chosen):
        _check_group(task, group, data)

    def make(task: int) -> Dataset:
        return _task(data, chosen[task], relabel=relabel)

    return Stream(f"split {data.name}", len(chosen), make)


def _pairs(data: Dataset) -> list[tuple[Hashable, ...]]:
    """Return pairs of consecutive classes."""
    classes = data.classes or ()
    if len(classes) % 2:
        raise ValueError(
            f"data set {data.name!r} has {len(classes)} classes, which are no pairs; write the "
            "classes of each task, e.g. [(0, 1), (2,)]"
        )

    return [classes[first : first + 2] for first in range(0, len(classes), 2)]


def _check_group(task: int, group: tuple[Hashable, ...], data: Dataset) -> None:
    """Refuse a task without classes, with a class twice, or without data of a class."""
    if not group or len(set(group)) < len(group):
        raise ValueError(
            f"task {task} has the classes {group}; write at least one, and each once"
        )

    parts = {"training": data.train, "test": data.test}
    if data.validation is not None:
        parts["validation"] = data.validation

    classes = list(data.classes or ())
    for label in group:
        for name, part in parts.items():
            has_data = label in classes and bool((part.y == classes.index(label)).any())
            if not has_data:
                raise ValueError(
                    f"task {task} has no {name} data of class {label!r}; {data.name!r} has the "
                    f"classes {', '.join(map(repr, classes))}"
                )


def _task(data: Dataset, group: tuple[Hashable, ...], *, relabel: bool) -> Dataset:
    """Return the data of some classes."""
    classes = list(data.classes or ())
    indices = torch.tensor([classes.index(label) for label in group])
    validation = None
    if data.validation is not None:
        validation = _part(data.validation, indices, relabel=relabel)

    return Dataset(
        name=f"{data.name} {', '.join(map(str, group))}",
        train=_part(data.train, indices, relabel=relabel),
        test=_part(data.test, indices, relabel=relabel),
        x_units=data.x_units,
        validation=validation,
        classes=group if relabel else data.classes,
        x_names=data.x_names,
        y_names=data.y_names,
        licence=data.licence,
    )


def _part(part: Split, indices: Tensor, *, relabel: bool) -> Split:
    """Return the data of some class indices, with the place among them as label."""
    is_of = part.y[:, None] == indices.to(part.y.device)  # (N, K)
    rows = is_of.any(-1)
    x, y = part.take(rows)
    if relabel:
        y = is_of[rows].long().argmax(-1)

    return Split(x, y)
