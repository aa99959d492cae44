"""Early stopping: a held-out part of the data says when a fit has gone on for long enough."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the held-out log likelihood has not improved for a while; the best parameters are kept.

    References:
        Early stopping - but when? (Prechelt, 1998)

    Arguments:
        fraction: Share of the data that is held out and not fitted.
        every: Steps between two checks.
        patience: Checks without improvement before the fit stops.
        num_samples: Draws S of each check.
        held_out: Held-out data (x, y) of one's own instead of a share; a DataLoader
            needs it.

    Example:
        >>> inference.SVI(model, guides.MeanField(model), early_stopping=EarlyStopping(fraction=0.2))
        SVI(MeanField, num_steps=2000)
    """

    fraction: float = 0.1
    every: int = 50
    patience: int = 10
    num_samples: int = 20
    held_out: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ValueError(
                f"fraction is the share of the data held out, between 0 and 1, not {self.fraction}"
            )
        if min(self.every, self.patience, self.num_samples) < 1:
            raise ValueError("every, patience and num_samples are counts of at least 1")
