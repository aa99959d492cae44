"""Other units of targets than those of the model: an affine map of each target."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TargetUnits:
    r"""Units in which a target is loc + scale * y, for a target y in the units of the model.

    Arguments:
        loc: Added to targets, in the new units.
        scale: Multiplies targets; it may be negative.
    """

    loc: Tensor | float = 0.0
    scale: Tensor | float = 1.0

    @property
    def is_own(self) -> bool:
        """Whether the units are those of the model."""
        has_tensor = isinstance(self.loc, Tensor) or isinstance(self.scale, Tensor)

        return not has_tensor and bool(self.loc == 0.0 and self.scale == 1.0)

    def to(self, values: Tensor) -> Tensor:
        """Map values from the units of the model."""
        return self.loc + self.scale * values

    def back(self, y: Tensor) -> Tensor:
        """Map targets to the units of the model."""
        return (y - self.loc) / self.scale

    def log_volume(self, y: Tensor, counts: Tensor | None = None) -> Tensor:
        """Return the log of the volume by which each of the targets y (N, ...) is scaled, (N,).

        Arguments:
            y: Targets.
            counts: Which of their elements count, (N, ...); None for all.
        """
        log_scale = torch.as_tensor(self.scale).abs().log()
        each = log_scale.to(y).expand(y.shape)
        if counts is not None:
            each = each * counts

        return each.reshape(len(y), -1).sum(-1)

    def is_reversed(self, like: Tensor) -> Tensor:
        """Return whether the order of values is reversed, on the device of a tensor."""
        scale = torch.as_tensor(self.scale).to(like)

        return scale < 0

    def then(self, loc: Tensor, scale: Tensor) -> TargetUnits:
        """Return the units in which a target is loc + scale * y, for y in these units."""
        return TargetUnits(
            loc=loc + scale * self.loc,
            scale=scale * self.scale,
        )
