"""The limits of a fit: seconds of the processor and passes through the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """The limits of a fit.

    Arguments:
        seconds: The seconds of the processor that the fit may take; infinite for no
            limit.
        epochs: The number of passes through the data, which is the maximum.
        min_epochs: The number of epochs below which the budget is too short.
    """

    seconds: float
    epochs: float
    min_epochs: float
