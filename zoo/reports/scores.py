"""Scores of a prediction against held-out targets, in the original units of a data set."""

from __future__ import annotations

from torch import Tensor

from zoo import metrics
from zoo.datasets import Dataset
from zoo.metrics.class_scores import class_scores
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
    if prediction.likelihood.discrete:
        return class_scores(prediction.probs, prediction.log_prob(y), y)

    original = data.in_original_units(prediction)
    targets = data.y_units.restore(y).to(y.device)
    lower, upper = original.interval(0.9)
    log_prob = original.log_prob(targets)

    return {
        "rmse": float(metrics.rmse(original.mean, targets)),
        "nll": float(metrics.nll(log_prob)),
        "coverage 90 %": float(metrics.coverage(lower, upper, targets)),
    }
