"""Scores of a prediction against held-out targets, in the original units of a data set."""

from __future__ import annotations

from torch import Tensor

from zoo import metrics
from zoo.datasets import Dataset
from zoo.metrics.class_scores import class_scores
from zoo.predictive.observed_targets import where_observed
from zoo.predictive.prediction import Prediction


def accuracy_scores(
    prediction: Prediction, y: Tensor, data: Dataset
) -> dict[str, float]:
    """Score a prediction against targets.

    Classification: accuracy, negative log likelihood in nats, calibration error.
    Regression: root mean squared error, negative log likelihood, coverage of the
    central 90 % interval.

    Arguments:
        prediction: The prediction, in the units of the model.
        y: Targets (K, ...) of the first K of its inputs, in the same units.
        data: The data set, for its original units.
    """
    y = y.to(prediction.outputs.device)
    prediction = prediction.first(len(y))
    likelihood = prediction.likelihood
    if prediction.has_classes:
        log_prob = prediction.log_prob(y)
        probs, labels = where_observed(likelihood, prediction.probs, y)
        return class_scores(probs, log_prob, labels)

    original = data.in_original_units(prediction)
    all_targets = data.y_units.restore(y).to(y.device)
    log_prob = original.log_prob(all_targets)

    lower, upper = original.interval(0.9)
    mean, targets = where_observed(likelihood, original.mean, all_targets)
    lower, _ = where_observed(likelihood, lower, all_targets)
    upper, _ = where_observed(likelihood, upper, all_targets)

    return {
        "rmse": float(metrics.rmse(mean, targets)),
        "nll": float(metrics.nll(log_prob)),
        "coverage 90 %": float(metrics.coverage(lower, upper, targets)),
    }
