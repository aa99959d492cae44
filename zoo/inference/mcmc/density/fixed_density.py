"""The check that a density is a function: that it has the same value in every call."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.tracing.state.python_state import PythonState
from zoo.tracing.trial import Trial

_TOLERANCE = 1e-4  # relative; sums on a GPU differ in the last digits
_REMEDY = "state the noise as a latent site, or fit by inference.SVI"


def refuse_changing_density(potential: Potential) -> None:
    """Evaluate a potential twice at one position, on other random numbers, and compare.

    Raises:
        ValueError: The values differ, or the program draws random numbers in Python.
    """
    q = potential.pack(potential.initial_values())
    state = PythonState(potential.energy)
    with potential.program.running(), Trial([]).undone():
        _, first = potential.gradient(q[None])  # it batches where values alone may not
        _, second = potential.gradient(q[None])
        change = state.change()

    state.restore()
    if change is not None and change.is_random:
        raise ValueError(
            "a sampler needs a density that does not change between calls, but the model "
            f"draws random numbers from {change.place}; {_REMEDY}"
        )

    if not _is_close(first, second):
        raise ValueError(
            "a sampler needs a density that does not change between calls, but at the same "
            f"position the potential was {first.item():.6g} and then {second.item():.6g}; "
            f"{_REMEDY}"
        )


def _is_close(one: Tensor, other: Tensor) -> bool:
    """Return whether two values agree up to rounding, where NaN equals NaN."""
    return torch.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
