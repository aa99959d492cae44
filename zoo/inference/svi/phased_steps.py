"""The gradient step of each part of a run, made for the first batch of the part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from zoo.inference.svi.phases import Phase
from zoo.likelihoods.observed import Observed
from zoo.runtime.rows import Rows, Structure, describe, flatten

MakeStep = Callable[[Phase, Rows, Structure, Sequence[Tensor]], Any]
"""Returns the function of a part's steps, from the inputs and tensors of its first batch."""


class BatchStep(NamedTuple):
    """The gradient step of one batch.

    Arguments:
        function: Gives the loss and the gradients.
        tensors: The tensors of the batch.
        structure: What the batch is besides them.
    """

    function: Any
    tensors: Sequence[Tensor]
    structure: Structure

    def __call__(self) -> tuple[Tensor, ...]:
        """Return the loss and the gradient of each parameter."""
        return self.function(*self.tensors)


class PhasedSteps:
    """The functions that give the loss and the gradients of a batch, in the parts of a run.

    Arguments:
        parts: The parts of the run.
        make: Makes the function of a part.
    """

    def __init__(self, parts: Sequence[Phase], make: MakeStep) -> None:
        self.present: Any = None  # the function of the present part
        self.phase: Phase | None = None
        self._parts = parts
        self._make = make
        self._structure: Structure | None = None  # of the first batch
        self._seconds = 0.0  # of tracing, in earlier parts

    @property
    def seconds(self) -> float:
        """Seconds spent in tracing and compiling."""
        return self._seconds + (0.0 if self.present is None else self.present.seconds)

    def at(self, num_steps: int, x: Rows, y: Tensor | Observed) -> BatchStep:
        """Return the function for the next step, with the tensors of its batch.

        Arguments:
            num_steps: Number of steps before it.
            x: The inputs.
            y: The targets.

        Raises:
            ValueError: The batch has another structure than the first one.
        """
        tensors, structure = flatten((x, y))
        self._structure = self._structure or structure
        if structure != self._structure:
            raise ValueError(
                f"a batch has inputs and targets {describe((x, y))}, not of the structure of the "
                "first batch; give every batch the same tensors"
            )

        phase = self._phase_at(num_steps)
        if self.present is None or phase != self.phase:
            step = self._make(phase, x, structure, tensors)
            self._seconds = self.seconds
            self.phase = phase
            self.present = step

        return BatchStep(self.present, tensors, structure)

    def _phase_at(self, num_steps: int) -> Phase:
        """Return the part that the next step belongs to."""
        for phase in self._parts:
            if num_steps < phase.end:
                return phase

        return self._parts[-1]
