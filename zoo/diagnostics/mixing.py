"""R-hat and effective sample size of one quantity, without the time to import ArviZ."""

from __future__ import annotations

import torch
from pyro.ops.stats import split_gelman_rubin
from torch import Tensor

from zoo.metrics.effective_size import effective_size


def rank_rhat(values: Tensor) -> float:
    """Return the rank-normalised split R-hat of draws (C, S) of one quantity.

    It is the larger of two: that of the normal scores of the draws, and that of the normal
    scores of their distances from the median.

    References:
        Rank-normalization, folding, and localization: An improved R-hat (Vehtari et al., 2021)

    Arguments:
        values: Draws, (C, S), S at least 4.
    """
    values = values.double()
    folded = (values - values.median()).abs()

    location = _split_rhat(_normal_scores(values))
    scale = _split_rhat(_normal_scores(folded))

    return max(location, scale)


def bulk_ess(values: Tensor) -> float:
    """Return the bulk effective sample size of draws (C, S) of one quantity."""
    scores = _split(_normal_scores(values.double()))

    return float(effective_size(scores))


def _split_rhat(scores: Tensor) -> float:
    rhat = split_gelman_rubin(scores, chain_dim=0, sample_dim=1)
    return float(rhat)


def _split(values: Tensor) -> Tensor:
    """Cut every chain into two halves, (C, S) -> (2 C, S / 2)."""
    half = values.shape[1] // 2
    return torch.cat([values[:, :half], values[:, -half:]])


def _normal_scores(values: Tensor) -> Tensor:
    """Replace draws by the normal quantiles of their mean ranks."""
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    mean_rank = last - (counts - 1) / 2  # of equal draws

    probability = (mean_rank - 0.375) / (values.numel() + 0.25)

    return torch.special.ndtri(probability)[inverse]
