"""Scores on the test part of a data set, with standard errors, from fixed random numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.experiments.running.scores import Cases, Number
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.reports.scores import accuracy_scores

_LEVEL = 0.9  # of the interval whose coverage is a score


class Scored(NamedTuple):
    """Scores by name, and the prediction that they are of."""

    scores: dict[str, Number]
    prediction: Prediction


def score(
    posterior: Posterior, data: Dataset, num_samples: int = 100, seed: int = 0
) -> Scored:
    """Score a posterior on the test part of a data set.

    Classification: error in per cent, negative log likelihood in nats, calibration error.
    Regression, in original units: root mean squared error, negative log likelihood,
    coverage of the central 90 % interval.

    Arguments:
        posterior: The posterior.
        data: The data set.
        num_samples: Number of draws, at most.
        seed: Seed of the draws; the random numbers of the program do not change.

    Example:
        >>> from zoo.hub.scores import score
        >>> sorted(score(posterior, data, num_samples=10).scores)
        ['coverage 90 %', 'nll', 'rmse']
    """
    number = posterior.num_available(num_samples)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        prediction = posterior.predict(data.test.x, number, progress=False)

    y = data.test.y
    if prediction.has_classes and y.dim() == 1 and prediction.probs.dim() == 2:
        return Scored(Cases.of(prediction, y).numbers(), prediction)
    if prediction.has_classes or data.y_units is None:
        values = accuracy_scores(prediction, y, data)
        return Scored({name: Number(each) for name, each in values.items()}, prediction)

    return Scored(_of_regression(prediction, y, data), prediction)


def _of_regression(
    prediction: Prediction, y: Tensor, data: Dataset
) -> dict[str, Number]:
    """Return the scores of a regression in the units in which y was measured."""
    original = data.in_original_units(prediction)
    targets = data.y_units.restore(y)  # type: ignore[union-attr]
    squares = (original.mean.cpu() - targets).square().double().mean(-1)
    lower, upper = original.interval(_LEVEL)
    is_inside = (lower.cpu() <= targets) & (targets <= upper.cpu())

    nll = Number.mean(-original.log_prob(targets).cpu())
    coverage = Number.mean(is_inside.double().mean(-1))

    return {"rmse": _root(Number.mean(squares)), "nll": nll, "coverage 90 %": coverage}


def _root(square: Number) -> Number:
    """Return the root of a mean, with the standard error of the delta method."""
    root = math.sqrt(square.value)
    if not square.error or root == 0:
        return Number(root)

    return Number(root, square.error / (2 * root))
