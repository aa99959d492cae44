"""What a normal prior adds to a divergence: the mean cross-entropy under it, of which second moments are all that counts."""

from __future__ import annotations

import math

from torch import Tensor
from torch.distributions import Normal


def cross_entropy(squared: Tensor, prior: Normal) -> Tensor:
    r"""Return E_q[-log N(z | m, s²)] of each number, given its E_q[(z - m)²]."""
    return (
        squared / (2 * prior.scale.square())
        + prior.scale.log()
        + 0.5 * math.log(2 * math.pi)
    )
