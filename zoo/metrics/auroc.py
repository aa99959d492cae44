"""Area under the receiver operating characteristic of two kinds of points."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.metrics.validation import cast_like, checked
from zoo.runtime.torchvision_shim import load_torchmetrics


def auroc(scores: Tensor, positive: Tensor) -> Tensor:
    r"""Probability that a positive point scores higher than a negative one, ties counted half.

    .. math:: P(s_+ > s_-) + \tfrac{1}{2} P(s_+ = s_-)

    In out-of-distribution detection the positives are the points from outside, and the
    score is the predictive uncertainty. Only the order of the scores counts, not their
    scale.

    References:
        A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks
        (Hendrycks and Gimpel, 2017), arxiv.org/abs/1610.02136

    Arguments:
        scores: Real numbers, higher for points that seem positive, (N,).
        positive: Whether a point is positive, bool or 0 and 1, (N,).

    Raises:
        ValueError: The shapes differ, there are NaNs, or one of the two kinds is
            missing.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> scores = torch.tensor([0.1, 0.4, 0.35, 8.0])
        >>> metrics.auroc(scores, torch.tensor([False, False, True, True]))
        tensor(0.7500)
    """
    values, kinds = checked(scores=scores, positive=positive)
    if values.ndim != 1:
        raise ValueError(
            f"scores has shape {tuple(values.shape)}; write (N,), one score for each point"
        )

    distinct = sorted(set(kinds.tolist()))
    if distinct != [0.0, 1.0]:
        first = [f"{kind:g}" for kind in distinct[:3]]
        found = ", ".join(first)
        raise ValueError(
            f"positive holds {found}; write a bool for each point, some True and some False"
        )

    load_torchmetrics()
    from torchmetrics.functional.classification import binary_auroc

    # torchmetrics applies a sigmoid to scores outside [0, 1], which ties large ones
    rank = torch.unique(values, return_inverse=True)[1].double()
    relative = rank / rank.max().clamp(min=1.0)
    return cast_like(binary_auroc(relative, kinds.long()), scores)
