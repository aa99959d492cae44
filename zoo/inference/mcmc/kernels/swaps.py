"""Swaps of positions between neighbouring powers of the likelihood, and what they tell."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

_FROM_PRIOR, _FROM_POSTERIOR = 1, 2  # the end that a position was at last; 0 for none


class Swaps(NamedTuple):
    """The swaps of one draw.

    Arguments:
        order: Number of the power whose position each power takes over, (C, R).
        rejection: Probability that the swap of each pair of neighbours is rejected,
            whether it was proposed or not, (C, R - 1).
    """

    order: Tensor
    rejection: Tensor


def propose_swaps(changes: Tensor, powers: Tensor, parity: Tensor) -> Swaps:
    r"""Propose to swap the positions of every second pair of neighbours.

    .. math:: \alpha_i = \min\big(1, e^{(\beta_{i+1} - \beta_i) (V_{i+1} - V_i)}\big)

    Pairs (0, 1), (2, 3), ... take turns with (1, 2), (3, 4), ..., so that a position that is
    never rejected goes on in its direction.

    References:
        Non-reversible parallel tempering: a scalable highly parallel MCMC scheme (Syed,
        Bouchard-Côté, Deligiannidis, Doucet, 2022)

    Arguments:
        changes: Potential V of the posterior minus that of the prior, (C, R).
        powers: The powers β of the likelihood, (R,).
        parity: Number of the first pair that may swap, 0 or 1, ().
    """
    log_ratio = powers.diff() * changes.diff(dim=1)
    acceptance = log_ratio.exp().clamp(max=1.0).nan_to_num(0.0)

    pairs = torch.arange(acceptance.shape[1], device=changes.device)
    is_proposed = pairs % 2 == parity
    swapped = (torch.rand_like(acceptance) < acceptance) & is_proposed

    own = torch.arange(changes.shape[1], device=changes.device)
    up = pad(swapped, (0, 1)).long()
    down = pad(swapped, (1, 0)).long()

    return Swaps(own + up - down, 1 - acceptance)


class SwapRecord(NamedTuple):
    """What swaps tell of a run, summed over draws.

    Arguments:
        parity: Number of the first pair that may swap next, ().
        num_swaps: Number of draws, ().
        rejected: Sum of the rejection probabilities of neighbours, (C, R - 1).
        last_end: The end that each position was at last, (C, R).
        round_trips: Number of journeys from prior to posterior and back, (C,).
        forward: Log sum of the weights from each power to the next, (C, R - 1).
        backward: Log sum of the weights from each power to the one before, (C, R - 1).
    """

    parity: Tensor
    num_swaps: Tensor
    rejected: Tensor
    last_end: Tensor
    round_trips: Tensor
    forward: Tensor
    backward: Tensor

    @classmethod
    def empty(cls, changes: Tensor) -> SwapRecord:
        """Return the record before the first draw of positions with V (C, R)."""
        pairs = changes[:, 1:].double()
        nothing = torch.full_like(pairs, -torch.inf)
        zero = pairs.new_zeros((), dtype=torch.long)

        return cls(
            parity=zero,
            num_swaps=zero,
            rejected=torch.zeros_like(pairs),
            last_end=torch.zeros_like(changes, dtype=torch.long),
            round_trips=torch.zeros_like(changes[:, 0], dtype=torch.long),
            forward=nothing,
            backward=nothing,
        )

    def updated(self, swaps: Swaps, changes: Tensor, powers: Tensor) -> SwapRecord:
        r"""Return the record after the swaps of a draw.

        Arguments:
            swaps: The swaps.
            changes: Potential V at the positions before them, (C, R).
            powers: The powers, (R,).
        """
        half = 0.5 * powers.double().diff()
        changes = changes.double()
        forward = -half * changes[:, :-1]
        backward = half * changes[:, 1:]

        last_end = self.last_end.gather(1, swaps.order)
        is_back = last_end[:, 0] == _FROM_POSTERIOR
        has_come = last_end[:, -1] == _FROM_PRIOR
        last_end[:, 0] = _FROM_PRIOR
        last_end[:, -1] = torch.where(has_come, _FROM_POSTERIOR, last_end[:, -1])

        return SwapRecord(
            parity=1 - self.parity,
            num_swaps=self.num_swaps + 1,
            rejected=self.rejected + swaps.rejection,
            last_end=last_end,
            round_trips=self.round_trips + is_back.long(),
            forward=torch.logaddexp(self.forward, forward),
            backward=torch.logaddexp(self.backward, backward),
        )

    def rejections(self) -> Tensor:
        """Return the mean rejection probability of neighbours, (C, R - 1)."""
        return self.rejected / self.num_swaps.clamp_min(1)

    def log_evidences(self) -> Tensor:
        r"""Return the log evidence of every chain, (C,), by a bridge between neighbours.

        .. math:: \log \frac{Z_{i+1}}{Z_i} =
            \log \frac{E_i[e^{-\frac12 (\beta_{i+1} - \beta_i) V}]}
            {E_{i+1}[e^{\frac12 (\beta_{i+1} - \beta_i) V}]}

        References:
            Simulating ratios of normalizing constants via a simple identity (Meng, Wong, 1996)
        """
        return (self.forward - self.backward).sum(1)
