"""The powers of the likelihood between the prior and the posterior: how they are spaced."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_MOST_OF_FIRST = 0.5  # the first power above 0 is at most that
_LEAST_REJECTION = 1e-3


class Spacing(NamedTuple):
    """New powers, and where they lie between the old ones.

    Arguments:
        powers: The new powers, (R,), from 0 to 1.
        nearest: Number of the old power that is nearest to each, (R,).
    """

    powers: Tensor
    nearest: Tensor


def first_powers(changes: Tensor, number: int) -> Tensor:
    r"""Return powers (R,) that grow geometrically, given potentials V at draws of the prior.

    The first power above 0 is that at which V hardly matters,

    .. math:: \beta_1 = 1 / \operatorname{median} |V - \operatorname{median} V|.

    Geometric powers have equal rejection rates if the likelihood is normal.

    Arguments:
        changes: Potential V of the posterior minus that of the prior, at draws of the prior,
            (M,).
        number: Number of powers R, at least 2.
    """
    changes = changes.double()
    deviation = (changes - changes.median()).abs()
    first = 1 / deviation.median().nan_to_num(1.0).clamp(1 / _MOST_OF_FIRST, 1e30)

    share = torch.linspace(0, 1, number - 1, dtype=torch.float64).to(first.device)
    rising = first ** (1 - share)
    if number == 2:
        rising = torch.ones_like(rising)

    return torch.cat([torch.zeros_like(rising[:1]), rising])


def equal_rejections(powers: Tensor, rejections: Tensor) -> Spacing:
    r"""Return powers whose neighbours reject equally many swaps.

    .. math:: \Lambda(\beta_k) = \sum_{i < k} r_i, \quad
        \Lambda(\beta'_k) = \tfrac{k}{R - 1} \Lambda(1)

    Between two powers, Λ is interpolated linearly in log β, and in β next to 0.

    References:
        Non-reversible parallel tempering: a scalable highly parallel MCMC scheme (Syed,
        Bouchard-Côté, Deligiannidis, Doucet, 2022), algorithm 2

    Arguments:
        powers: The present powers, (R,), from 0 to 1.
        rejections: Mean probability r that a swap of two neighbours is rejected, (R - 1,).
    """
    powers = powers.double()
    rejections = rejections.double().clamp_min(_LEAST_REJECTION)
    barrier = torch.cat([rejections.new_zeros(1), rejections.cumsum(0)])

    share = torch.linspace(0, 1, len(powers), dtype=torch.float64).to(powers.device)
    wanted = share * barrier[-1]

    last = len(rejections) - 1
    below = (torch.searchsorted(barrier, wanted, right=True) - 1).clamp(0, last)
    weight = (wanted - barrier[below]) / rejections[below]

    low, high = powers[below], powers[below + 1]
    geometric = low ** (1 - weight) * high**weight
    found = torch.where(low > 0, geometric, weight * high)
    found[0], found[-1] = 0.0, 1.0

    nearest = (below + weight).round().long()

    return Spacing(found, nearest)
