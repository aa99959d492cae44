"""The batches of epochs in equal parts, so that an epoch can give several draws."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from torch import Tensor

from zoo.inference.sgmcmc.batched_data import BatchedData
from zoo.runtime.rows import Structure


class EpochParts:
    """The parts of one epoch after another.

    Arguments:
        data: The batches.
        number: Number of parts of an epoch.

    Attributes:
        is_between: Whether the last part of an epoch has been taken, or none yet.
    """

    def __init__(self, data: BatchedData, number: int) -> None:
        self._data = data
        self._number = number
        self._epoch: Iterator[tuple[list[Tensor], Structure]] = iter(())
        self._part = 0
        self.is_between = True

    def take(self) -> Iterator[tuple[float, list[Tensor], Structure]]:
        """Give the batches of the next part, each after the share of the epoch before it."""
        if self.is_between:
            self._epoch, self._part = self._data.epoch(), 0

        per_epoch = self._data.per_epoch
        begin = self._part * per_epoch // self._number
        self._part += 1
        end = self._part * per_epoch // self._number
        self.is_between = self._part == self._number

        last = None if self.is_between else end - begin  # all that are left, at the end
        for step, (tensors, structure) in enumerate(islice(self._epoch, last), begin):
            yield step / per_epoch, tensors, structure
