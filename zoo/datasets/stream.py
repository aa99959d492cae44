"""A stream of tasks: data sets in the order in which they are learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from zoo.datasets.dataset import Dataset


class Stream(Sequence[Dataset]):
    """Data sets, one for each task, in the order in which they are learned.

    A task is made whenever it is asked for, and not kept: ten copies of MNIST take 2 GB.

    Arguments:
        name: Name of the stream in tables and figures.
        number: Number of tasks T.
        make: Makes the task of an index from 0 to T - 1.
    """

    def __init__(self, name: str, number: int, make: Callable[[int], Dataset]) -> None:
        self.name = name
        self._number = number
        self._make = make

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, task: int) -> Dataset: ...

    @overload
    def __getitem__(self, task: slice) -> Sequence[Dataset]: ...

    def __getitem__(self, task: int | slice) -> Dataset | Sequence[Dataset]:
        places = range(self._number)[task]
        if isinstance(places, int):
            return self._make(places)

        return Stream(self.name, len(places), lambda index: self._make(places[index]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, tasks={len(self)})"
