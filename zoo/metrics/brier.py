"""Brier score of predicted probabilities."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import one_hot

from zoo.metrics.validation import cast_like, checked_classification


def brier(probs: Tensor, y: Tensor) -> Tensor:
    r"""Brier score, summed over classes and averaged over points; 0 is perfect, 2 is worst.

    .. math:: \frac{1}{N} \sum_n \sum_k (\text{probs}_{nk} - 1[y_n = k])^2

    This is Brier's sum over all classes, not divided by O. For two classes it is twice
    the one-column form (p - y)^2 of scikit-learn's `brier_score_loss`.

    References:
        Verification of Forecasts Expressed in Terms of Probability (Brier, 1950)

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O); for a Bernoulli
            the probability of label 1, (N,) or (N, 1).
        y: Class indices, (N,); for a Bernoulli 0 or 1, (N,) or (N, 1).

    Raises:
        ValueError: probs are no probabilities, y no class indices, or the shapes do not
            fit.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> metrics.brier(torch.tensor([[0.5, 0.5], [0.0, 1.0]]), torch.tensor([0, 1]))
        tensor(0.2500)
    """
    values, labels = checked_classification(probs, y)
    target = one_hot(labels, values.shape[-1])  # (N,) -> (N, O)
    errors = (values - target).square().sum(-1)  # (N,)
    return cast_like(errors.mean(), probs)
