"""Batches of known tasks and of the next one, tested for whether their task is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.experiments.running.scores import Number
from zoo.streams import HybridPosterior, Typicality

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVEL = 0.01
FALSE = "false alarms"
_KNOWN, _TASK, _P, _P_OF_FIRST = range(4)  # columns of a table of tested batches


@dataclass(frozen=True)
class BatchSizes:
    """The batches that are tested.

    Arguments:
        size: Number of inputs in a batch.
        number: Number of batches of each task, each time.
    """

    size: int
    number: int


def tested_batches(
    known: HybridPosterior,
    first_tests: Sequence[Typicality],
    inputs: Sequence[Tensor],
    batches: BatchSizes,
) -> Tensor:
    """Test batches of every known task, in turn, and then those of the next task.

    Arguments:
        known: What is known after some tasks.
        first_tests: The test of each task as it was when the task was learned.
        inputs: Inputs of each task, which no fit and no reference has.
        batches: Sizes of the batches.

    Returns:
        A row for each batch: the number of known tasks, the batch's task, and its largest
        p-value over the known tasks, under the tests of now and under the first tests.
    """
    number = len(known.tests)
    rows = []
    for place in range(batches.number):
        for task in range(number):
            rows.append((task, _batch(inputs[task], place, batches.size)))

    for place in range(batches.number if number < len(inputs) else 0):
        rows.append((number, _batch(inputs[number], place, batches.size)))

    table = []
    for task, x in rows:
        first = []
        for index, test in enumerate(first_tests):
            first.append(test.p_value(known.statistics(x, index)))

        table.append([number, task, max(known.p_values(x)), max(first)])

    return torch.tensor(table, dtype=torch.float64)


def _batch(x: Tensor, place: int, size: int) -> Tensor:
    """Return one of the consecutive batches of inputs, from the start again at the end."""
    rows = torch.arange(place * size, (place + 1) * size) % len(x)

    return x[rows]


def alarm_rates(tables: Sequence[Tensor]) -> dict[str, Number]:
    """Return how often batches of known tasks and of new ones raised an alarm, in per cent.

    Arguments:
        tables: Tested batches of each sequence of tasks.
    """
    table = torch.cat(list(tables))
    is_new = table[:, _TASK] == table[:, _KNOWN]
    alarm = 100.0 * (table[:, _P] < LEVEL)
    first = 100.0 * (table[:, _P_OF_FIRST] < LEVEL)

    return {
        FALSE: Number.mean(alarm[~is_new]),
        f"{FALSE} of the tests as first made": Number.mean(first[~is_new]),
        "new tasks noticed": Number.mean(alarm[is_new]),
    }


def delays(table: Tensor) -> list[int]:
    """Return for each new task the number of its batches until the first alarm.

    Arguments:
        table: Tested batches of one sequence of tasks.
    """
    found = []
    for known in table[:, _KNOWN].unique():
        rows = (table[:, _KNOWN] == known) & (table[:, _TASK] == known)
        alarms = (table[rows, _P] < LEVEL).nonzero().flatten().tolist()
        if rows.any():
            found.append(alarms[0] + 1 if alarms else int(rows.sum()) + 1)

    return found


def draw_trace(ax: Axes, table: Tensor, title: str) -> None:
    """Draw the p-values of batches in their order, with the level and the changes of task.

    Arguments:
        ax: The axis.
        table: Tested batches of one sequence of tasks.
        title: The title.
    """
    is_new = table[:, _TASK] == table[:, _KNOWN]
    places = torch.arange(len(table))
    ax.scatter(places[~is_new], table[~is_new, _P], s=5, label="a known task")
    ax.scatter(places[is_new], table[is_new, _P], s=7, marker="^", label="a new task")
    ax.axhline(LEVEL, color="black", linewidth=0.8, label=f"level {LEVEL:g}")

    changes = is_new.int().diff().nonzero().flatten() + 0.5
    for place in changes:
        ax.axvline(float(place), color="0.7", linewidth=0.6, zorder=0)

    ax.set(yscale="log", xlabel="batch", ylabel="largest p-value", title=title)
    ax.legend(frameon=False, fontsize=8)
