"""Corruptions: a posterior's scores under the families of the published suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Cell, Table, Tabled
from zoo.runtime.progress import bar
from zoo.stress.blurs import (
    defocus_blur,
    gaussian_blur,
    glass_blur,
    motion_blur,
    zoom_blur,
)
from zoo.stress.digital import elastic, jpeg, pixelate
from zoo.stress.draws import sample_draws
from zoo.stress.evaluation import evaluate_labelled
from zoo.stress.light import brightness, contrast, saturate
from zoo.stress.noises import gaussian_noise, impulse_noise, shot_noise, speckle_noise
from zoo.stress.pixels import CorruptionFunction, checked_images, corrupted, images
from zoo.stress.weather import fog, snow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOISES = (gaussian_noise, shot_noise, impulse_noise, speckle_noise)
BLURS = (defocus_blur, gaussian_blur, glass_blur, motion_blur, zoom_blur)
GREY = (*NOISES, *BLURS, snow, fog, brightness, contrast, elastic, pixelate, jpeg)
COLOURED = (*GREY, saturate)

_AVERAGED = ("accuracy", "nll", "ece", "entropy", "epistemic")  # in the table


@dataclass(frozen=True, repr=False, eq=False)
class Corruptions(Tabled):
    """Scores of a posterior under families of corruption, at several severities.

    Arguments:
        families: Names of the families, (F,).
        severities: Severities, (K,).
        scores: Accuracy, nll, ece, entropy and its parts, (F, K) each, by name.
        clean: The same scores without corruption.

    Example:
        >>> def under_fog(*accuracy):
        ...     scores = {"accuracy": torch.tensor([accuracy])}
        ...     return Corruptions(("fog",), (1, 2), scores, clean={"accuracy": 0.9})
        >>> ours, other = under_fog(0.8, 0.6), under_fog(0.6, 0.2)
        >>> round(ours.mean_error, 2), round(ours.mean_corruption_error(other), 2)
        (0.3, 0.5)
    """

    families: Sequence[str]
    severities: Sequence[float]
    scores: Mapping[str, Tensor]
    clean: Mapping[str, float]

    @property
    def mean_error(self) -> float:
        """The error averaged over families and severities."""
        mean_accuracy = self.scores["accuracy"].mean()
        return float(1 - mean_accuracy)

    def mean_corruption_error(self, baseline: Corruptions) -> float:
        r"""Return the error relative to a baseline's, averaged over families; below 1 is better.

        .. math:: \text{mCE} = \frac1F \sum_f \frac{\sum_k E_{fk}}{\sum_k E^\text{baseline}_{fk}}

        References:
            Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
            (Hendrycks, Dietterich, 2019), whose baseline is AlexNet

        Arguments:
            baseline: The corruptions of another posterior, of the same families and
                severities.

        Raises:
            ValueError: Other families or severities; a baseline that makes no error.
        """
        same_families = tuple(baseline.families) == tuple(self.families)
        same_severities = tuple(baseline.severities) == tuple(self.severities)
        if not (same_families and same_severities):
            raise ValueError(
                "the baseline has other families or severities; "
                "use the same families and severities for both"
            )

        error = self._error_by_family()
        baseline_error = baseline._error_by_family()

        without_error = (baseline_error == 0).nonzero()
        if len(without_error) > 0:
            name = self.families[int(without_error[0])]
            raise ValueError(
                f"the baseline makes no error under {name}, so errors cannot be divided "
                f"by it; omit {name}"
            )

        relative_error = error / baseline_error
        return float(relative_error.mean())

    def _error_by_family(self) -> Tensor:
        error = 1 - self.scores["accuracy"]  # (F, K)
        return error.sum(1)

    @property
    def table(self) -> Table:
        """A row for each family, after one without corruption.

        The columns are the accuracy at each severity, then accuracy, nll, ece, entropy
        and epistemic uncertainty averaged over the severities.
        """
        clean = [self.clean[name] for name in _AVERAGED]
        no_severities = [None] * len(self.severities)
        first_row: list[Cell] = ["none", *no_severities, *clean]

        rows = [first_row]
        for number, family in enumerate(self.families):
            accuracies = self.scores["accuracy"][number]
            row: list[Cell] = [family, *accuracies.tolist()]
            for name in _AVERAGED:
                mean = self.scores[name][number].mean()
                row.append(float(mean))

            rows.append(row)

        severities = [f"{severity:g}" for severity in self.severities]
        columns = ("family", *severities, *_AVERAGED)

        return Table(columns, rows)

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
    families: Sequence[CorruptionFunction] | None = None,
    *,
    severities: Sequence[int] = (1, 2, 3, 4, 5),
    num_samples: int = 20,
    seed: int = 0,
    progress: bool = True,
) -> Corruptions:
    r"""Corrupt test images by the usual families at five severities, and score a posterior.

    The constants are those of CIFAR-10-C, which are made for 32 x 32 pixels. The random
    numbers differ from those of the published files. Frost, which needs photographs, and
    spatter are not included. The families are implemented here as operations on all
    images at once, because the libraries that offer them corrupt one image at a time and
    do not run with current versions of their dependencies.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is corrupted as pixels between 0 and 1 and
            standardised again, or a pair (x, y) whose x are pixels (N, C, H, W), which go
            into the network as pixels.
        families: Functions of pixels and a severity, such as `stress.fog`; by default all
            families, `saturate` only for images with colours.
        severities: Severities of the suite, 1 to 5.
        num_samples: Number of draws behind each prediction.
        seed: Seed of the families' random numbers.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are not pixels; another severity; a posterior without
            weights or classes.

    Example:
        >>> from zoo import stress
        >>> families = (stress.gaussian_noise, stress.fog)
        >>> found = stress.corruptions(
        ...     classifier, digits, families, num_samples=5, progress=False
        ... )
        >>> found.scores["accuracy"].shape
        torch.Size([2, 5])
    """
    test = images(data)
    if families is None:
        has_colours = checked_images(test.pixels).shape[1] == 3
        families = COLOURED if has_colours else GREY

    draws = sample_draws(posterior, num_samples)
    clean = evaluate_labelled(draws, test.standardised(), test.y)

    found: dict[str, list[float]] = {name: [] for name in clean.scores}
    with bar(len(families) * len(severities), "corruptions", progress) as steps:
        for family in families:
            for severity in severities:
                pixels = corrupted(test.pixels, family, severity, seed)
                x = test.standardised(pixels)
                evaluation = evaluate_labelled(draws, x, test.y)
                for name, score in evaluation.scores.items():
                    found[name].append(score)
                steps.update()

    names = [family.__name__.replace("_", " ") for family in families]
    scores = {}
    for name, values in found.items():
        table = torch.tensor(values)
        scores[name] = table.reshape(len(families), len(severities))

    return Corruptions(tuple(names), tuple(severities), scores, clean.scores)
