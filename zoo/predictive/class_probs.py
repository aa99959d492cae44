"""The class probabilities of a prediction, with two classes for a Bernoulli."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.predictive.moments import PredictiveMoments
from zoo.runtime.distributions import without_events


def class_probs(prediction: PredictiveMoments) -> Tensor:
    """Return the class probabilities of every draw, (S, N, ..., O): the classes are last.

    Those of a Bernoulli are of the labels 0 and 1. Without its last dimension the result
    has the shape of the targets, after the draws.

    Arguments:
        prediction: A prediction of classes.
    """
    probs = prediction.functions
    is_binary = probs.shape == without_events(prediction.distribution).batch_shape

    return torch.stack([1 - probs, probs], -1) if is_binary else probs
