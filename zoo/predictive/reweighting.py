"""Predictions for classes that are more or less frequent than in the data of the fit."""

from __future__ import annotations

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo.likelihoods.categorical import Categorical
from zoo.predictive.prediction import Prediction
from zoo.runtime.distributions import without_events


def reweighted(
    prediction: Prediction, class_weights: Tensor | Sequence[float]
) -> Prediction:
    r"""Return the prediction with the probability of each class multiplied by a weight.

    .. math:: p'(y = c | x, w) = \frac{\text{weight}_c \, p(y = c | x, w)}
        {\sum_o \text{weight}_o \, p(y = o | x, w)}

    If the frequencies of the classes change and each class looks as before, this is Bayes'
    rule with weight_c = new frequency / frequency in the data, for every draw. So
    `reweighted(prediction, 1 / y_train.bincount())` is for classes that are equally
    frequent. Every quantity follows: entropy, epistemic uncertainty, `log_prob`.

    References:
        Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple Procedure
        (Saerens, Latinne, Decaestecker, 2002)

    Arguments:
        prediction: A prediction of classes.
        class_weights: Positive weights (O,), on any scale.

    Raises:
        AttributeError: A prediction that has no class probabilities.
        ValueError: Weights that are not positive and finite, or not one for each class.

    Example:
        >>> prediction = Prediction(Categorical(), torch.zeros(20, 8, 2))  # fitted to 9 : 1
        >>> reweighted(prediction, 1 / torch.tensor([0.9, 0.1])).probs[0]
        tensor([0.1000, 0.9000])
    """
    classes = without_events(prediction.distribution)
    if not isinstance(classes, dist.Categorical):
        raise AttributeError(
            f"{prediction.likelihood!r} has no probabilities of several classes to reweight"
        )

    logits = classes.logits  # (S, N, ..., O)
    weights = torch.as_tensor(class_weights).to(logits)
    is_positive = bool(((weights > 0) & weights.isfinite()).all())
    if weights.shape != logits.shape[-1:] or not is_positive:
        raise ValueError(
            f"class_weights must be {logits.shape[-1]} positive numbers, one for each class, not "
            f"{weights.tolist()}; write 1 / y_train.bincount(minlength={logits.shape[-1]})"
        )

    ignored = getattr(prediction.likelihood, "ignore_index", -100)
    likelihood = Categorical(dim=-1, ignore_index=ignored)

    return Prediction(likelihood, logits + weights.log())
