"""Corruptions: the families of the published suite at five severities, and what a posterior keeps of its accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table, Tabled
from zoo.runtime.progress import bar
from zoo.stress.blurs import (
    defocus_blur,
    gaussian_blur,
    glass_blur,
    motion_blur,
    zoom_blur,
)
from zoo.stress.digital import elastic, jpeg, pixelate
from zoo.stress.evaluation import evaluated, sampled
from zoo.stress.light import brightness, contrast, saturate
from zoo.stress.noises import gaussian_noise, impulse_noise, shot_noise, speckle_noise
from zoo.stress.pixels import Spoiler, corrupted, grid_of, images
from zoo.stress.weather import fog, snow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOISES = (gaussian_noise, shot_noise, impulse_noise, speckle_noise)
BLURS = (defocus_blur, gaussian_blur, glass_blur, motion_blur, zoom_blur)
GREY = (*NOISES, *BLURS, snow, fog, brightness, contrast, elastic, pixelate, jpeg)
COLOURED = (*GREY, saturate)


@dataclass(frozen=True, repr=False, eq=False)
class Corruptions(Tabled):
    """Scores of a posterior under families of corruption, at several severities.

    Arguments:
        families: Names of the families, (F,).
        severities: Severities, (K,).
        scores: Accuracy, nll, ece, entropy and its parts, (F, K) each, by name.
        clean: The same scores of the images as they are.
    """

    families: Sequence[str]
    severities: Sequence[float]
    scores: Mapping[str, Tensor]
    clean: Mapping[str, float]

    @property
    def mean_error(self) -> float:
        """The error averaged over families and severities."""
        return float(1 - self.scores["accuracy"].mean())

    def mean_corruption_error(self, baseline: Corruptions) -> float:
        r"""Return the error in units of a baseline's, family by family, averaged: below 1 is better than it.

        .. math:: \text{mCE} = \frac1F \sum_f \frac{\sum_k E_{fk}}{\sum_k E^\text{baseline}_{fk}}

        References:
            Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich,
            2019), whose baseline is AlexNet

        Arguments:
            baseline: The corruptions of another posterior, of the same families and
                severities.

        Raises:
            ValueError: Other families or severities; a baseline that makes no error.
        """
        if (*baseline.families, *baseline.severities) != (
            *self.families,
            *self.severities,
        ):
            raise ValueError(
                "the baseline was corrupted by other families or severities; give it the same ones"
            )
        ours, theirs = ((1 - one.scores["accuracy"]).sum(1) for one in (self, baseline))
        if bool((theirs == 0).any()):
            name = self.families[int((theirs == 0).nonzero()[0])]
            raise ValueError(
                f"the baseline makes no error under {name}, by which nothing is measured; leave it out"
            )
        return float((ours / theirs).mean())

    @property
    def table(self) -> Table:
        """A row for each family, after one for the images as they are: accuracy by severity, and means of the rest."""
        rest = ("nll", "ece", "entropy", "epistemic")
        accuracy = self.scores["accuracy"]
        rows = [
            (
                "none",
                *[None] * len(self.severities),
                *(self.clean[name] for name in ("accuracy", *rest)),
            )
        ]
        for number, family in enumerate(self.families):
            means = (
                float(self.scores[name][number].mean()) for name in ("accuracy", *rest)
            )
            rows.append((family, *accuracy[number].tolist(), *means))
        return Table(
            (
                "family",
                *(f"{severity:g}" for severity in self.severities),
                "accuracy",
                *rest,
            ),
            rows,
        )

    def plot(self) -> Figure:
        """Draw accuracy and entropy of every family at every severity."""
        from zoo import plots

        shown = {name: self.scores[name] for name in ("accuracy", "entropy")}
        return plots.corruptions(
            self.families, self.severities, shown, clean=self.clean
        )


def corruptions(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    families: Sequence[Spoiler] | None = None,
    severities: Sequence[int] = (1, 2, 3, 4, 5),
    num_samples: int = 20,
    seed: int = 0,
    progress: bool = True,
) -> Corruptions:
    r"""Spoil test images by the usual families of corruption at five severities, and score what a posterior says.

    The constants are those of CIFAR-10-C, made for 32 x 32 pixels; all random numbers
    are another draw than the published files'. Frost, which needs photographs, and
    spatter are left out. The families are written here as operations on all images at
    once: the libraries that have them go image by image and have not kept up with those
    they are built on.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is corrupted as pixels between 0 and 1 and
            standardised again, or a pair (x, y) whose x are pixels (N, C, H, W) and go
            into the network as they are.
        families: What corrupts: functions of pixels and a severity, such as
            `stress.fog`; by default all there are, `saturate` only where there are
            colours.
        severities: Steps of the suite.
        num_samples: Draws behind each prediction.
        seed: Seed of the families' random numbers.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are no pixels; a severity that is no step; a posterior
            without weights or classes.

    Example:
        >>> from zoo import stress
        >>> families = (stress.gaussian_noise, stress.fog)
        >>> found = stress.corruptions(classifier, digits, families, num_samples=5, progress=False)
        >>> found.scores["accuracy"].shape
        torch.Size([2, 5])
    """
    test = images(data)
    if families is None:
        families = COLOURED if grid_of(test.pixels).shape[1] == 3 else GREY
    draws = sampled(posterior, num_samples)
    clean = evaluated(posterior, draws, test.standardised(), test.y).scores
    found = []
    with bar(len(families) * len(severities), "corruptions", progress) as steps:
        for family in families:
            for level in severities:
                x = test.standardised(corrupted(test.pixels, family, level, seed))
                found.append(evaluated(posterior, draws, x, test.y).scores)
                steps.update()
    shape = len(families), len(severities)
    scores = {
        name: torch.tensor([each[name] for each in found]).reshape(shape)
        for name in clean
    }
    names = tuple(family.__name__.replace("_", " ") for family in families)
    return Corruptions(names, tuple(severities), scores, clean)
