"""The predictions of targets that are observed, for scores."""

from __future__ import annotations

from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood


def where_observed(
    likelihood: Likelihood, predicted: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Return predictions and targets without those that are missing.

    If none can be missing they are returned as they are; else in one dimension, (M,), or
    for probabilities (N, ..., O) of classes as (M, O).

    Arguments:
        likelihood: The likelihood, which says which targets are missing.
        predicted: Means (N, ...) or class probabilities (N, ..., O).
        y: Targets (N, ...).
    """
    is_observed = likelihood.is_observed(y)
    if is_observed is None or bool(is_observed.all()):
        return predicted, y

    return predicted[is_observed], y[is_observed]
