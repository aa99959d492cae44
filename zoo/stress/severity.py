"""Severity: prediction and uncertainty as images are corrupted with growing severity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo import metrics
from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table, Tabled
from zoo.runtime.progress import bar
from zoo.stress.draws import sample_draws
from zoo.stress.evaluation import LabelledEvaluation, evaluate_labelled
from zoo.stress.pixels import CorruptionFunction, corrupted, images
from zoo.stress.transforms import rotation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUM_SHOWN = 16  # images that are kept for a strip


@dataclass(frozen=True, repr=False, eq=False)
class Severity(Tabled):
    """The evaluations of a posterior on images that are corrupted with growing severity.

    Arguments:
        corruption: The name of the corruption.
        severities: Severities in increasing order, (K,); 0 is no corruption.
        evaluations: The evaluation of all images at each severity, (K,).
        shown: The first few images at each severity, as pixels, (K, M, C, H, W).
        unit: The unit of the severities; "" if they have none.

    Example:
        >>> from zoo import stress
        >>> found = stress.severity(classifier, digits, stress.rotation, (90,), num_samples=5,
        ...                         progress=False)
        >>> found.scores["entropy"][1] > found.scores["entropy"][0]
        True
    """

    corruption: str
    severities: Sequence[float]
    evaluations: Sequence[LabelledEvaluation]
    shown: Tensor
    unit: str = ""

    @property
    def scores(self) -> Mapping[str, list[float]]:
        """Scores at each severity, (K,), by name: accuracy, nll, ece, entropy and its parts."""
        scores: dict[str, list[float]] = {}
        for evaluation in self.evaluations:
            for name, score in evaluation.scores.items():
                scores.setdefault(name, []).append(score)

        return scores

    @property
    def table(self) -> Table:
        """The scores, in a row for each severity."""
        scores = self.scores
        severities = map(float, self.severities)
        rows = list(zip(severities, *scores.values(), strict=True))

        columns = (self.corruption, *scores)
        digits = {self.corruption: 2}

        return Table(columns, rows, digits)

    def plot(self) -> Figure:
        """Draw accuracy and uncertainty over severity."""
        from zoo import plots

        scores = {"posterior": self.scores}
        xlabel = f"{self.corruption}, {self.unit or 'severity'}"
        return plots.severity(self.severities, scores, xlabel=xlabel)

    def strip(self, index: int = 0) -> Figure:
        """Draw an image at every severity, with the predicted class and its uncertainty.

        Arguments:
            index: The index of the image, one of the first 16.

        Raises:
            ValueError: An image that was not kept.
        """
        from zoo import plots

        num_shown = self.shown.shape[1]
        if not 0 <= index < num_shown:
            raise ValueError(
                f"index must be from 0 to {num_shown - 1}, not {index}: "
                f"the first {num_shown} images are kept for strips"
            )

        predicted = []
        entropy = []
        epistemic = []
        for evaluation in self.evaluations:
            predicted.append(evaluation.predicted[index])
            entropy.append(evaluation.entropy[index])
            epistemic.append(evaluation.epistemic[index])

        label = int(self.evaluations[0].y[index])
        figure = plots.strip(
            self.shown[:, index],
            torch.stack(predicted),
            torch.stack(entropy),
            torch.stack(epistemic),
            true=[label] * len(predicted),
            titles=[f"{severity:g}" for severity in self.severities],
        )
        unit = f", {self.unit}" if self.unit else ""
        figure.suptitle(f"{self.corruption}{unit}", fontsize="medium")

        return figure

    def reliability(self) -> Figure:
        """Draw the reliability without corruption next to that at the highest severity."""
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(9.0, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)

        clean = self.evaluations[self.severities.index(0)]
        _draw_reliability(clean, left, "not corrupted")

        highest = self.severities[-1]
        title = f"{self.corruption} {highest:g} {self.unit}".rstrip()
        _draw_reliability(self.evaluations[-1], right, title)

        return figure


def severity(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    corrupt: CorruptionFunction,
    severities: Sequence[float],
    *,
    num_samples: int = 50,
    seed: int = 0,
    progress: bool = True,
) -> Severity:
    r"""Corrupt test images with growing severity, and evaluate a posterior on them.

    .. math:: p(y \mid s(x, c)) \approx \frac1S \sum_s p(y \mid s(x, c), w_s),
        \qquad c = 0, c_1, \dots, c_K

    The same draws predict at every severity, and the random numbers of the corruption are
    the same for every posterior. So a curve changes only because of the severity, and
    two curves differ only because of the posterior.

    References:
        Can You Trust Your Model's Uncertainty? Evaluating Predictive Uncertainty Under
        Dataset Shift (Ovadia, Fertig, Ren, Nado, Sculley, Nowozin, Dillon,
        Lakshminarayanan, Snoek, 2019)
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is corrupted as pixels between 0 and 1 and
            standardised again, or a pair (x, y) whose x are pixels, which go into the
            network as pixels.
        corrupt: A function of pixels (N, C, H, W) and a severity that returns corrupted
            pixels: `rotation`, `noise`, `warp`, `fog` or your own; its random numbers
            are torch's.
        severities: Severities, in the unit of the corruption; 0, no corruption, is added.
        num_samples: Number of draws behind each prediction.
        seed: Seed of the corruption's random numbers.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are not pixels; a posterior without weights or classes;
            a severity that the corruption refuses.

    Example:
        >>> from zoo import stress
        >>> found = stress.severity(
        ...     classifier, digits, stress.rotation, (30, 60), num_samples=5, progress=False
        ... )
        >>> found.severities
        (0, 30, 60)
    """
    test = images(data)
    draws = sample_draws(posterior, num_samples)

    values = tuple(sorted({0, *severities}))
    evaluations = []
    shown = []
    with bar(len(values), "severities", progress) as steps:
        for value in values:
            pixels = corrupted(test.pixels, corrupt, value, seed)
            x = test.standardised(pixels)
            evaluations.append(evaluate_labelled(draws, x, test.y))
            shown.append(pixels[:_NUM_SHOWN])
            steps.update()

    name = getattr(corrupt, "__name__", type(corrupt).__name__)

    return Severity(
        corruption=name.replace("_", " "),
        severities=values,
        evaluations=evaluations,
        shown=torch.stack(shown),
        unit="degrees" if corrupt is rotation else "",
    )


def _draw_reliability(evaluation: LabelledEvaluation, ax: Axes, title: str) -> None:
    """Draw the reliability of an evaluation with labels."""
    from zoo import plots

    reliability = metrics.reliability(evaluation.probs, evaluation.y)
    plots.reliability_diagram(*reliability, ax=ax)
    ax.set_title(title)
