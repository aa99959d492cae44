"""Averages of the parameters and buffers over the steps of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

Average = Literal["ema", "swa"] | float | Callable[..., Any]
"""The kind of average, the decay of an exponential one, or what makes an `Averaging`."""

_WINDOWS = 10  # of the exponential average in a run
_SHARE_OF_SWA = 0.25  # of the steps, the last ones


class Averaging:
    r"""A running average of tensors, beside the tensors themselves.

    .. math:: \bar\theta_t = d \, \bar\theta_{t-1} + (1 - d) \, \theta_t

    "ema" has the decay d = 1 - 10 / T, which forgets in a tenth of the T steps. "swa" is
    the plain mean over the last quarter of the steps. Whole numbers, such as the counts
    of batch normalisation, are copied.

    References:
        Averaging Weights Leads to Wider Optima and Better Generalization
        (Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, 2018)
        Acceleration of Stochastic Approximation by Averaging (Polyak, Juditsky, 1992)

    Arguments:
        tensors: The tensors, which a run changes in place.
        average: "ema", "swa", a decay, or None for none.
        num_steps: Number of steps T of the run.
    """

    def __init__(
        self,
        tensors: Sequence[Tensor],
        average: Literal["ema", "swa"] | float | None,
        num_steps: int,
    ) -> None:
        self.is_on = average is not None
        self.num_averaged = 0
        self.averages: list[Tensor] = []  # in the order of the tensors
        self._tensors = list(tensors) if self.is_on else []
        self._begin = 0
        if average == "swa":
            self._begin = round((1 - _SHARE_OF_SWA) * num_steps)
            self._update = get_swa_multi_avg_fn()
        elif average is not None:
            decay = 1 - _WINDOWS / num_steps if average == "ema" else float(average)
            self._update = get_ema_multi_avg_fn(max(0.0, decay))

        for tensor in self._tensors:
            self.averages.append(tensor.detach().clone())

    def add(self, num_steps: int) -> None:
        """Add the present tensors to the average, after so many steps."""
        if not self.is_on or num_steps <= self._begin:
            return

        with torch.no_grad():
            if self.num_averaged == 0:
                torch._foreach_copy_(self.averages, self._tensors)
            else:
                self._add()

        self.num_averaged += 1

    def _add(self) -> None:
        averages = []
        tensors = []
        for average, tensor in zip(self.averages, self._tensors, strict=True):
            if tensor.is_floating_point():
                averages.append(average)
                tensors.append(tensor.detach())
            else:
                average.copy_(tensor)

        self._update(averages, tensors, self.num_averaged)

    def finish(self) -> None:
        """Set the tensors to their averages, if there is one yet."""
        if self.num_averaged:
            with torch.no_grad():
                torch._foreach_copy_(self._tensors, self.averages)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Set the tensors to their averages inside of the block, if there is one yet."""
        if not self.num_averaged:
            yield
            return

        present = [tensor.detach().clone() for tensor in self._tensors]
        self.finish()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._tensors, present)


def averaging_of(
    weights: Sequence[Tensor],
    others: Sequence[Tensor],
    average: Average | None,
    num_steps: int,
) -> Averaging:
    """Return the average of the tensors of a run.

    Arguments:
        weights: The parameters of the guide.
        others: Point estimates and buffers.
        average: As in `Averaging`, or a function of the other arguments that makes one.
        num_steps: Number of steps of the run.
    """
    if callable(average):
        return average(weights, others, num_steps)

    return Averaging([*weights, *others], average, num_steps)


def check_average(average: object) -> None:
    """Check that an argument is None, "ema", "swa", a decay, or makes an average.

    Raises:
        ValueError: It is not.
    """
    is_kind = isinstance(average, str) and average in ("ema", "swa")
    is_number = isinstance(average, (int, float)) and not isinstance(average, bool)
    is_decay = is_number and 0 < average < 1  # type: ignore[operator]
    is_known = average is None or is_kind or is_decay or callable(average)
    if not is_known:
        raise ValueError(
            f"average must be 'ema', 'swa' or a decay between 0 and 1, not {average!r}; write "
            "average='ema'"
        )
