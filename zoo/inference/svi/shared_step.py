"""The gradient step of a batch that several processes, or several passes, share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from zoo.data.shares import Shares
from zoo.runtime.processes import Processes
from zoo.tracing.traced import Traced


class SharedStep:
    """Returns the loss and the gradients of a batch from those of its parts.

    This process computes some of the parts in turn, and adds them up. One exchange adds
    those of all processes.

    Arguments:
        function: Gives the loss and the gradients of a part, see `SharedLoss`.
        shares: Says how many rows the present batch has, here and in all processes.
        ranks: The processes.
        num_parts: Number of parts K of a batch, in all processes.
        accumulate: Number of parts of each process.
    """

    def __init__(
        self,
        function: Traced,
        shares: Shares,
        ranks: Processes,
        num_parts: int,
        accumulate: int,
    ) -> None:
        self._function = function
        self._shares = shares
        self._ranks = ranks
        self._num_parts = num_parts
        self._accumulate = accumulate

    @property
    def how(self) -> str:
        """How the loss of a part is computed."""
        return self._function.how

    @property
    def seconds(self) -> float:
        """Seconds spent in tracing and compiling."""
        return self._function.seconds

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the loss of the whole batch, and the gradient of each parameter.

        Arguments:
            tensors: Those of the rows of this process.
        """
        summed: list[Tensor] = []
        every = parts(tensors, self._shares, self._num_parts, self._accumulate)
        for part in every:
            results = self._function(*part)
            if self._accumulate == 1:
                summed = list(results)
            elif not summed:
                summed = [result.clone() for result in results]
            else:
                torch._foreach_add_(summed, list(results))

        return tuple(self._ranks.summed(summed))


def parts(
    tensors: Sequence[Tensor], shares: Shares, num_parts: int, accumulate: int
) -> list[list[Tensor]]:
    """Return the tensors of each part of this process's rows, with its weight K b / B.

    A part without rows has one row and the weight 0.

    Arguments:
        tensors: Those of the rows of this process.
        shares: Says how many of the rows count, and how many there are in all processes.
        num_parts: Number of parts K, in all processes.
        accumulate: Number of parts of each process.
    """
    like = shares.data.model.first_parameter
    bounds = _bounds(shares.num_rows, accumulate)

    found = []
    for begin, end in pairwise(bounds):
        rows = slice(begin, end) if end > begin else slice(0, 1)
        weight = num_parts * (end - begin) / shares.total
        part = [tensor[rows] for tensor in tensors] if accumulate > 1 else [*tensors]
        part.append(torch.tensor(weight, dtype=like.dtype, device=like.device))
        found.append(part)

    return found


def _bounds(num_rows: int, num_parts: int) -> list[int]:
    """Return where parts of rows begin and end, whose sizes differ by at most one."""
    return [num_rows * number // num_parts for number in range(num_parts + 1)]
