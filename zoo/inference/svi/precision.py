"""The precision in which the products of a network are faster, by measurement."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from torch import Tensor

from zoo.tracing.graphs.graph import Function
from zoo.tracing.trial import Trial

_FEW = 30  # steps below which a measurement takes longer than it saves
_GAIN = (
    0.9  # of the time in single precision, from which half precision is worth its error
)
_NUM_TRIALS = 3


def faster_precision(
    make: Callable[[str], Function],
    inputs: Sequence[Tensor],
    writes: Sequence[Tensor],
    calls: int,
) -> str:
    """Return "bf16" if a step takes clearly less time in it than in "float32".

    Arguments:
        make: Makes the function of a step from the name of a precision.
        inputs: The tensors of a batch.
        writes: Tensors that a step changes in place; they are put back.
        calls: Number of steps to come.
    """
    if calls < _FEW:
        return "float32"

    single, half = make("float32"), make("bf16")
    of_single = []
    of_half = []
    with Trial(writes).undone():
        for _ in range(_NUM_TRIALS):
            of_single.append(_seconds(single, inputs))
            of_half.append(_seconds(half, inputs))

    is_faster = min(of_half) < _GAIN * min(of_single)

    return "bf16" if is_faster else "float32"


def _seconds(step: Function, inputs: Sequence[Tensor]) -> float:
    """Return the seconds of a step, including all work of the device."""
    began = time.perf_counter()
    loss = step(*inputs)[0]
    loss.item()

    return time.perf_counter() - began
