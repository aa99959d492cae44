"""Scores of predictions on test images: all of them, those that chose nothing, and corrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

import torch
from torch import Tensor

from zoo.datasets import Dataset, Split
from zoo.experiments.running.run import Run
from zoo.predictive.prediction import Prediction
from zoo.stress.corruptions import COLOURED
from zoo.stress.pixels import corrupted, images

Predict = Callable[[Tensor, int], Prediction]  # of images, with a number of draws

NUM_FAMILIES = len(COLOURED)

_SCORES = ("error %", "nll", "ece")


@dataclass(frozen=True)
class ScoredImages:
    """Test images of colours, on which predictions are scored and compared.

    The first images are those on which settings were chosen. The next ones are corrupted,
    by every family of the suite.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        run: The run.
        data: The data set, with the units of its images.
        num_chosen: Number of images that have chosen settings.
        num_corrupted: Number of images that are corrupted.
        severity: The severity, 1 to 5.
        num_samples: Number of draws on clean images, and on corrupted ones.
    """

    run: Run
    data: Dataset
    num_chosen: int
    num_corrupted: int
    severity: int
    num_samples: tuple[int, int]

    @property
    def chosen(self) -> Split:
        """The images on which settings were chosen."""
        x, y = self.data.test
        return Split(x[: self.num_chosen], y[: self.num_chosen])

    @property
    def following(self) -> Split:
        """The images after those, which are corrupted."""
        x, y = self.data.test
        rows = slice(self.num_chosen, self.num_chosen + self.num_corrupted)

        return Split(x[rows], y[rows])

    @cached_property
    def corrupted(self) -> Tensor:
        """Images under each family, one family after the other."""
        test = images(replace(self.data, test=self.following))

        versions = []
        for family in COLOURED:
            pixels = corrupted(test.pixels, family, self.severity)
            versions.append(test.standardised(pixels))

        return torch.cat(versions)

    def score(self, name: str, predict: Predict) -> None:
        """Score a prediction on all images, on the others, and on those that are corrupted.

        Arguments:
            name: The name of the prediction.
            predict: Predicts images with a number of draws.
        """
        x, y = self.data.test
        clean, fewer = self.num_samples
        predict_all = cache(partial(predict, x, clean))

        def predict_others() -> Prediction:
            prediction = predict_all()
            outputs = prediction.outputs[:, self.num_chosen :]
            return Prediction(prediction.likelihood, outputs)

        def predict_corrupted() -> Prediction:
            return predict(self.corrupted, fewer)

        scores, families = self.run.scores, len(COLOURED)
        labels = self.following.y.repeat(families)
        scores.add(name, predict_all, y)
        scores.add(others(name), predict_others, y[self.num_chosen :])
        scores.add(under_corruption(name), predict_corrupted, labels, families)

    def report(self, name: str, published: Mapping[str, float | str]) -> None:
        """State error, NLL and calibration error, on all images and on corrupted ones.

        Arguments:
            name: The name of the prediction.
            published: Published scores on all images.
        """
        for key in (name, under_corruption(name)):
            is_clean = key == name
            for score in _SCORES:
                theirs = published.get(score) if is_clean else None
                is_headline = score == "nll" or (is_clean and score == "error %")
                ours = self.run.scores[key][score]
                what = f"{score}, {key}"
                self.run.report.find(what, ours, theirs, headline=is_headline)

    def compare(
        self, name: str, other: str, published: Mapping[str, float | str]
    ) -> None:
        """State the paired differences of two predictions, on clean and on corrupted images.

        Arguments:
            name: The name of the prediction.
            other: The name of the one that is subtracted.
            published: Published differences on clean images.
        """
        for key in (others, under_corruption):
            gain = self.run.scores.difference(key(name), key(other))
            for score in _SCORES:
                theirs = published.get(score) if key is others else None
                what = f"{score}, {key(name)}, minus {other}"
                is_headline = theirs is not None
                self.run.report.find(what, gain[score], theirs, headline=is_headline)


def others(name: str) -> str:
    """Return the name of a prediction on the images that have chosen nothing."""
    return f"{name}, other images"


def under_corruption(name: str) -> str:
    """Return the name of a prediction on corrupted images."""
    return f"{name}, corrupted"
