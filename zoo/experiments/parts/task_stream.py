"""A stream of pairs of classes, with other inputs of each task to be noticed as new or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zoo import datasets
from zoo.datasets import Dataset, Split

HELD_OUT = "held out"  # inputs of the same writers as the reference
OTHER_WRITERS = "by other writers"


@dataclass(frozen=True)
class TaskStream:
    """Tasks with references, and other inputs of each.

    Arguments:
        tasks: The tasks; the validation part of each is its reference.
        inputs: Inputs of each task that no fit and no reference has, by where they are
            from.
    """

    tasks: Sequence[Dataset]
    inputs: dict[str, list[Tensor]]

    @property
    def num_features(self) -> int:
        """Number of features of an input."""
        return self.tasks[0].train.x.shape[1]

    @property
    def num_classes(self) -> int:
        """Number of classes of all tasks."""
        return len(self.tasks[0].classes or ())

    @property
    def train(self) -> Split:
        """The training data of all tasks."""
        return _joined([task.train for task in self.tasks])

    @property
    def test(self) -> Split:
        """The test data of all tasks."""
        return _joined([task.test for task in self.tasks])


def task_stream(data: Dataset, *, has_other_writers: bool) -> TaskStream:
    """Return pairs of classes as a stream of tasks, with the labels of all.

    Arguments:
        data: A data set with a validation part.
        has_other_writers: Whether the test part is by other writers. Then a half of the
            validation part is tested instead of it, and the other half is the reference.
    """
    if not has_other_writers:
        tasks = list(datasets.split(data, relabel=False))
        return TaskStream(tasks, {HELD_OUT: [task.test.x for task in tasks]})

    assert data.validation is not None
    places = torch.arange(len(data.validation.x))
    first, second = (
        data.validation.take(places[::2]),
        data.validation.take(places[1::2]),
    )
    tasks = list(datasets.split(replace(data, validation=first), relabel=False))
    others = list(datasets.split(replace(data, validation=second), relabel=False))
    inputs = {
        HELD_OUT: [_validation(task).x for task in others],
        OTHER_WRITERS: [task.test.x for task in tasks],
    }

    return TaskStream(tasks, inputs)


def _validation(task: Dataset) -> Split:
    """Return the validation part of a task."""
    assert task.validation is not None

    return task.validation


def _joined(parts: Sequence[Split]) -> Split:
    """Return the data of several parts one after the other."""
    xs, ys = zip(*parts, strict=True)

    return Split(torch.cat(xs), torch.cat(ys))
