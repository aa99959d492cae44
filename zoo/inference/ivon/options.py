"""The settings of a natural-gradient update, checked and frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NaturalOptions:
    """The settings of the update; `IVON` says what each of them means.

    Arguments:
        beta1: Decay of the running mean of gradients.
        beta2: Decay of the curvatures.
        hess_init: Initial curvature per datum.
        point_lr: Learning rate of the point estimates.

    Raises:
        ValueError: A number out of range; the message says what to write.
    """

    beta1: float
    beta2: float
    hess_init: float
    point_lr: float

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value < 1:
                raise ValueError(
                    f"{name} is the decay of a running mean and must be from 0 to below 1, not "
                    f"{value!r}; write beta1=0.9, beta2=0.9999"
                )

        value = self.hess_init
        if not _is_number(value) or not value > 0 or not math.isfinite(value):
            raise ValueError(
                f"hess_init is a curvature per datum and must be positive, not {value!r}; write "
                "hess_init=0.1"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
