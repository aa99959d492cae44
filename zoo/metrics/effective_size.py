"""The effective sample size of draws, in memory that grows with their number, not its square."""

from __future__ import annotations

import torch
from pyro.ops.stats import autocovariance
from torch import Tensor


def effective_size(draws: Tensor) -> Tensor:
    r"""Return how many independent draws would give as exact a mean as draws of chains do.

    .. math:: \frac{C S}{-1 + 2 \sum_k P_k}, \quad P_k = \rho_{2k} + \rho_{2k+1}

    with autocorrelations ρ of all chains; the sums P of pairs are made positive and
    decreasing.

    References:
        Practical Markov Chain Monte Carlo (Geyer, 1992)
        Rank-normalization, folding, and localization: An improved R-hat (Vehtari et al., 2021)

    Arguments:
        draws: Draws of C chains, (C, S, *), S at least 4.

    Returns:
        The sizes, (*).

    Example:
        >>> bool(effective_size(torch.randn(4, 1000)) > 3000)
        True
    """
    num_chains, num_draws = draws.shape[:2]
    within = draws.var(1).mean(0)
    variance = within * (num_draws - 1) / num_draws
    if num_chains > 1:
        variance = variance + draws.mean(1).var(0)
    else:
        within = variance

    covariance = autocovariance(draws, dim=1).mean(0)  # (S, *)
    correlation = (variance - within + covariance) / variance
    correlation[0] = 1.0

    num_pairs = num_draws // 2
    pairs = correlation[: 2 * num_pairs].unflatten(0, (num_pairs, 2)).sum(1)
    first, others = pairs[:1], pairs[1:].clamp_min(0.0)
    decreasing, _ = others.cummin(0)
    time = -1 + 2 * torch.cat([first, decreasing]).sum(0)

    return num_chains * num_draws / time
