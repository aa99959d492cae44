"""Early stopping of SVI by the log likelihood of held-out data."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.runtime.counts import check_count


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """Stop when the held-out log likelihood no longer improves, and keep the best parameters.

    References:
        Early stopping - but when? (Prechelt, 1998)

    Arguments:
        fraction: Share of the data that is held out and not fitted.
        every: Gradient steps between two checks.
        patience: Checks without improvement before the fit stops.
        num_samples: Draws S of each check.
        held_out: Your own held-out data (x, y), instead of a share of the data. A fit to
            a `DataLoader` needs them.

    Raises:
        ValueError: A fraction outside (0, 1), or a count below 1.

    Example:
        >>> stopping = inference.EarlyStopping(fraction=0.2)
        >>> inference.SVI(model, guides.MeanField(model), early_stopping=stopping)
        SVI(MeanField, num_steps=8000)
    """

    fraction: float = 0.1
    every: int = 50
    patience: int = 10
    num_samples: int = 20
    held_out: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ValueError(
                "fraction must be a share of the data to hold out, between 0 and 1, not "
                f"{self.fraction}"
            )

        for name in ("every", "patience", "num_samples"):
            check_count(name, getattr(self, name))
