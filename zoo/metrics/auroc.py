"""Area under the receiver operating characteristic, for telling two kinds of points apart."""

import torch
from torch import Tensor

from zoo.metrics.validation import like, numbers
from zoo.runtime.torchvision_shim import load_torchmetrics


def auroc(scores: Tensor, positive: Tensor) -> Tensor:
    r"""Chance that a positive point scores above a negative one, ties counted half.

    .. math:: P(s_+ > s_-) + \tfrac{1}{2} P(s_+ = s_-)

    For out-of-distribution detection the positives are the foreign points and the
    scores their predictive uncertainty. Only the order of the scores counts, so any
    scale will do.

    References:
        A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks
        (Hendrycks and Gimpel, 2017), arxiv.org/abs/1610.02136

    Arguments:
        scores: Any real numbers, higher for points held to be positive, (N,).
        positive: Whether a point is positive, bool or 0 and 1, (N,).

    Raises:
        ValueError: The shapes differ, there are NaNs, or one of the two kinds is
            absent.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> scores = torch.tensor([0.1, 0.4, 0.35, 8.0])
        >>> metrics.auroc(scores, torch.tensor([False, False, True, True]))
        tensor(0.7500)
    """
    values, kinds = numbers(scores=scores, positive=positive)
    if values.ndim != 1:
        raise ValueError(
            f"scores has shape {tuple(values.shape)}; write (N,), one score a point."
        )
    if sorted(set(kinds.tolist())) != [0.0, 1.0]:
        found = ", ".join(f"{kind:g}" for kind in sorted(set(kinds.tolist()))[:3])
        raise ValueError(
            f"positive holds {found}; write a bool for each point, both kinds present."
        )
    load_torchmetrics()
    from torchmetrics.functional.classification import binary_auroc

    # ranks in [0, 1]: torchmetrics sends other scores through a sigmoid, which ties large ones
    rank = torch.unique(values, return_inverse=True)[1].double()
    return like(binary_auroc(rank / rank.max().clamp(min=1.0), kinds.long()), scores)
