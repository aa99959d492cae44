"""Draws of a function, as the scores of a posterior compare them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.posterior.thinning import evenly


class Functions(NamedTuple):
    """Draws of a function, and their log densities of held-out targets.

    Arguments:
        values: Function values or class probabilities, (S, N, ...).
        pointwise: Log density of each held-out target given each draw, noise included,
            (S, K); K may be 0.
    """

    values: Tensor
    pointwise: Tensor

    def take(self, index: Tensor) -> Functions:
        """Take draws by their positions."""
        return Functions(self.values[index], self.pointwise[index])

    def thin(self, num_samples: int) -> Functions:
        """Take a number of draws, evenly spaced."""
        return self.take(evenly(len(self.values), num_samples))

    def without_targets(self) -> Functions:
        """Return the draws without held-out targets."""
        return Functions(self.values, self.pointwise[:, :0])

    def with_both_classes(self) -> Functions:
        """Return probabilities of both classes if the values are those of one, (S, N, 1)."""
        one = self.values if self.values.dim() > 2 else self.values.unsqueeze(-1)
        if one.shape[-1] != 1:
            return self

        both = torch.cat([1 - one, one], -1)
        return Functions(both, self.pointwise)
