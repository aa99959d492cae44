"""Accuracy, negative log likelihood and calibration error of class probabilities together."""

from __future__ import annotations

from torch import Tensor

from zoo.metrics.accuracy import accuracy
from zoo.metrics.calibration import calibration_error
from zoo.metrics.nll import nll


def class_scores(probs: Tensor, log_prob: Tensor, y: Tensor) -> dict[str, float]:
    """Return accuracy, negative log likelihood in nats and calibration error.

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O); of label 1 for a
            Bernoulli.
        log_prob: Log probability of the label, (N,).
        y: Class indices, (N,).

    Example:
        >>> import torch
        >>> from zoo.metrics.class_scores import class_scores
        >>> probs, log_prob = torch.tensor([[0.0, 1.0]]), torch.tensor([-0.5])
        >>> class_scores(probs, log_prob, torch.tensor([1]))
        {'accuracy': 1.0, 'nll': 0.5, 'ece': 0.0}
    """
    return {
        "accuracy": float(accuracy(probs, y)),
        "nll": float(nll(log_prob)),
        "ece": float(calibration_error(probs, y)),
    }
