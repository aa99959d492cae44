"""The cross-entropy with a normal prior, which depends on second moments of the guide only."""

from __future__ import annotations

import math

from torch import Tensor
from torch.distributions import Normal


def cross_entropy(squared: Tensor, prior: Normal) -> Tensor:
    r"""Return E_q[-log N(z | m, s²)] of each element.

    Arguments:
        squared: E_q[(z - m)²] of each element.
        prior: The normal prior N(m, s²).
    """
    quadratic = squared / (2 * prior.scale.square())
    return quadratic + prior.scale.log() + 0.5 * math.log(2 * math.pi)
