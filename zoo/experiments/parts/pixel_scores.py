"""The scores of a recipe on sets of whole images, kept in files, with paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zoo import datasets
from zoo.datasets import Split
from zoo.datasets.luminance import bicubic
from zoo.experiments.parts.scored_pixels import fidelity, mean_curve, score_image
from zoo.experiments.running.run import Run
from zoo.experiments.running.scores import Number
from zoo.posterior.posterior import Posterior

SETS = ("Set5", "Set14")
Kept = Mapping[str, Any]


class PixelScores:
    """Scores predictions on Set5 and Set14; errors are over images.

    Arguments:
        run: The run.
        factor: How many times as high and as wide the large images are.
        num_samples: Number of draws from a posterior.
    """

    def __init__(self, run: Run, factor: int, num_samples: int) -> None:
        self.run = run
        self.factor = factor
        self.num_samples = num_samples
        self.images: dict[str, dict[str, Split]] = {}
        path = run.data_path("super_resolution")
        for name in SETS:
            self.images[name] = datasets.super_resolution_images(
                path, name, factor=factor
            )
        self._kept: dict[tuple[str, str], Kept] = {}

    def add_bicubic(self, name: str) -> None:
        """Score bicubic interpolation, which has no uncertainty."""

        def score(image: Split) -> tuple[dict[str, float], None]:
            mean = bicubic(image.x, self.factor)
            return fidelity(mean, image.y, self.factor), None

        self._add(name, score)

    def add(self, name: str, posterior: Posterior) -> None:
        """Score a posterior, one image after the other.

        Arguments:
            name: The name of the prediction.
            posterior: The posterior.
        """
        number = posterior.num_available(self.num_samples)

        def score(image: Split) -> tuple[dict[str, float], Any]:
            prediction = posterior.predict(image.x, num_samples=number, progress=False)
            return score_image(prediction, image, self.factor)

        self._add(name, score, posterior=posterior)

    def number(self, name: str, images: str, score: str) -> Number:
        """Return the mean of a score over a set of images."""
        return Number.mean(self.by_image(name, images)[score])

    def difference(self, one: str, other: str, images: str, score: str) -> Number:
        """Return the paired difference of two predictions, one minus the other."""
        ours = self.by_image(one, images)[score]
        theirs = self.by_image(other, images)[score]
        return Number.mean(ours.double() - theirs.double())

    def by_image(self, name: str, images: str) -> dict[str, Tensor]:
        """Return the scores of each image of a set, (N,) by score."""
        return self._kept[name, images]["scores"]

    def curve(self, name: str, images: str) -> dict[str, Tensor]:
        """Return the mean sparsification curve over a set of images."""
        return self._kept[name, images]["curve"]

    def _add(
        self,
        name: str,
        score: Callable[[Split], tuple[dict[str, float], Any]],
        **of: object,
    ) -> None:
        """Score the images of each set, or read the scores of an earlier run."""
        for images, pairs in self.images.items():

            def make(pairs: Mapping[str, Split] = pairs) -> dict[str, Any]:
                found = [score(image) for image in pairs.values()]
                curves = [curve for _, curve in found if curve is not None]
                return {
                    "scores": _columns([scores for scores, _ in found]),
                    "curve": mean_curve(curves) if curves else {},
                }

            kept = self.run.keep(
                f"{name}, {images}",
                make,
                images=list(pairs),
                draws=self.num_samples,
                **of,
            )
            self._kept[name, images] = kept
            numbers = {key: Number.mean(value) for key, value in kept["scores"].items()}
            self.run.result.scores[f"{name}, {images}"] = numbers


def _columns(rows: list[dict[str, float]]) -> dict[str, Tensor]:
    """Return values by name, (N,), from N rows of them."""
    columns = {}
    for name in rows[0]:
        columns[name] = torch.tensor([row[name] for row in rows])

    return columns
