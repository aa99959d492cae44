"""Scores on the test part of a data set, with standard errors, from fixed random numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo import metrics
from zoo.datasets import Dataset
from zoo.experiments.parts.scene_cases import SCORES, PixelCases, number_of
from zoo.experiments.running.scores import Cases, Number
from zoo.likelihoods import Categorical
from zoo.metrics.calibration import Reliability
from zoo.posterior.average_classes import average_classes
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.reports.scores import accuracy_scores

_LEVEL = 0.9  # of the interval whose coverage is a score


_OF_PIXELS = {  # what is reported of label maps, and how the experiments call it
    "global accuracy %": "global accuracy %",
    "mean IoU %": "mean IoU %",
    "nll": "NLL",
    "ece": "ECE",
}


class Scored(NamedTuple):
    """Scores by name, and what the card says and draws of the prediction.

    Arguments:
        scores: The scores.
        num_draws: Number of draws that the prediction averages.
        prediction: The prediction; None of label maps, whose draws are not kept.
        reliability: Accuracy by confidence; None of a regression.
        meaning: What a score and its error are.
    """

    scores: dict[str, Number]
    num_draws: int
    prediction: Prediction | None = None
    reliability: Reliability | None = None
    meaning: str = "means over the test part ± standard errors"


def score(
    posterior: Posterior, data: Dataset, num_samples: int = 100, seed: int = 0
) -> Scored:
    """Score a posterior on the test part of a data set.

    Classification: error in per cent, negative log likelihood in nats, calibration error.
    Label maps (N, H, W): global accuracy, mean intersection over union, and the latter two, of
    all pixels that have a class; errors are over images, because pixels of one image are not
    independent. Regression, in original units: root mean squared error, negative log likelihood,
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
    y = data.test.y
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if _is_of_pixels(posterior, y):
            return _of_pixels(posterior, data, number)

        prediction = posterior.predict(data.test.x, number, progress=False)

    return Scored(
        _of_cases(prediction, y, data),
        num_draws=len(prediction.outputs),
        prediction=prediction,
        reliability=_reliability(prediction, y),
    )


def _is_of_pixels(posterior: Posterior, y: Tensor) -> bool:
    """Return whether a network gives each pixel of an image a class."""
    if not posterior.has_network or y.dim() != 3:
        return False

    return isinstance(posterior.model.likelihood, Categorical)


def _of_pixels(posterior: Posterior, data: Dataset, number: int) -> Scored:
    """Score label maps, a few images at a time: the outputs of all draws would be large."""
    void = posterior.model.likelihood.ignore_index
    found = average_classes(posterior, data.test.x, number)
    cases = PixelCases.of(found, data.test.y, -100 if void is None else void)
    scores = {
        name: number_of(cases, SCORES[theirs]) for name, theirs in _OF_PIXELS.items()
    }

    return Scored(
        scores,
        num_draws=number,
        reliability=cases.reliability,
        meaning="over all test pixels with a class ± standard deviations over resampled images",
    )


def _of_cases(prediction: Prediction, y: Tensor, data: Dataset) -> dict[str, Number]:
    """Return the scores of a prediction for one target of each input, or of several."""
    if prediction.has_classes and y.dim() == 1 and prediction.probs.dim() == 2:
        return Cases.of(prediction, y).numbers()
    if prediction.has_classes or data.y_units is None:
        values = accuracy_scores(prediction, y, data)
        return {name: Number(each) for name, each in values.items()}

    return _of_regression(prediction, y, data)


def _reliability(prediction: Prediction, y: Tensor) -> Reliability | None:
    """Return accuracy by confidence of a prediction of classes."""
    if not prediction.has_classes:
        return None

    return metrics.reliability(prediction.probs.cpu(), y)


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
