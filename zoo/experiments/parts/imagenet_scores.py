"""Scores of predictions of ImageNet: on all test images, and on a few that are corrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.experiments.parts.class_folders import ClassFolders
from zoo.experiments.parts.imagenet_networks import TrainedNetwork
from zoo.experiments.parts.scored_images import NUM_FAMILIES, under_corruption
from zoo.experiments.parts.streamed_scores import (
    Evaluate,
    evaluation_by,
    evaluation_of,
    predict_batches,
    predict_corrupted,
)
from zoo.experiments.parts.temperature import prediction_of, scaled_by_halves
from zoo.experiments.running.run import Run
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction

SCORES = ("error %", "nll", "ece")
_BATCH_SIZE = 50  # of predictions
_SEVERITY = 3  # of corruptions


@dataclass(frozen=True)
class ImageNetScores:
    """Scores predictions, and states them beside published ones.

    Arguments:
        run: The run.
        trained: The trained network.
        folders: The images.
        few: Some images in memory, whose test part is corrupted.
        num_workers: Number of processes that read images.
    """

    run: Run
    trained: TrainedNetwork
    folders: ClassFolders
    few: Dataset
    num_workers: int

    def add_trained(self) -> None:
        """Score the trained network, and its prediction with a temperature."""
        name, network = self.trained.name, self.trained.network.to(self.run.device)
        evaluate = evaluation_of(network, self.run.device)
        self._add(name, lambda: evaluate, lambda: evaluate)
        self._state(name, self.trained.published)

        name = f"{name}, temperature"
        try:
            self.run.scores.add(name, lambda: self._scaled(evaluate), self._y)
        except ValueError as error:  # a temperature needs a wrong image in each half
            self.run.report.note(f"There is no temperature: {error}.")
            return

        self._find(name, {})

    def add_posterior(
        self,
        name: str,
        posterior: Posterior,
        num_samples: tuple[int, int],
        published: Mapping[str, float],
    ) -> None:
        """Score a posterior, and compare it with the trained network.

        Arguments:
            name: The name of the fit.
            posterior: The posterior.
            num_samples: Number of draws on clean images, and on corrupted ones.
            published: Published scores.
        """
        clean, corrupted = num_samples
        self._add(
            name,
            lambda: evaluation_by(posterior, clean),
            lambda: evaluation_by(posterior, corrupted),
        )
        self._state(name, published if self.trained.published else {})

        trained = self.trained.name
        for key in (name, under_corruption(name)):
            other = trained if key == name else under_corruption(trained)
            gain = self.run.scores.difference(key, other)
            for score in SCORES:
                what = f"{score}, {key}, minus {trained}"
                self.run.report.find(what, gain[score], headline=score == "nll")

    def _add(
        self,
        name: str,
        on_clean: Callable[[], Evaluate],
        on_corrupted: Callable[[], Evaluate],
    ) -> None:
        """Score a prediction on all test images, and on the few under each corruption."""
        scores, few = self.run.scores, self.few

        def predict_few() -> Prediction:
            return predict_corrupted(on_corrupted(), few, _SEVERITY, _BATCH_SIZE)

        labels = few.test.y.repeat(NUM_FAMILIES)
        scores.add(name, lambda: self._predict(on_clean()), self._y)
        scores.add(under_corruption(name), predict_few, labels, NUM_FAMILIES)

    def _predict(self, evaluate: Evaluate) -> Prediction:
        """Predict all test images."""
        test = self.folders.test.batches(_BATCH_SIZE, num_workers=self.num_workers)
        return predict_batches(evaluate, test, self.run.progress)

    def _scaled(self, evaluate: Evaluate) -> Prediction:
        """Predict all test images with a temperature."""
        logits = self._predict(evaluate).outputs[0]
        return prediction_of(scaled_by_halves(logits, self._y))

    @property
    def _y(self) -> Tensor:
        """The classes of all test images, (N,)."""
        return torch.tensor([label for _, label in self.folders.test.files])

    def _state(self, name: str, published: Mapping[str, float]) -> None:
        """State the scores on clean and on corrupted images."""
        self._find(name, published)
        self._find(under_corruption(name), {})

    def _find(self, name: str, published: Mapping[str, float]) -> None:
        """State the scores of a prediction."""
        for score in SCORES:
            ours = self.run.scores[name][score]
            theirs = published.get(score)
            what = f"{score}, {name}"
            self.run.report.find(what, ours, theirs, headline=theirs is not None)
