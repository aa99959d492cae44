"""The cross-entropy with a normal prior, which depends on second moments of the guide only."""

from __future__ import annotations

import math

from torch import Tensor
from torch.distributions import Normal

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def cross_entropy(squared: Tensor, prior: Normal) -> Tensor:
    r"""Return E_q[-log N(z | m, s²)] of each element.

    Arguments:
        squared: E_q[(z - m)²] of each element.
        prior: The normal prior N(m, s²).
    """
    scale = prior.scale
    variance = scale.square()
    quadratic = squared / (2 * variance)

    return quadratic + scale.log() + _HALF_LOG_2_PI
