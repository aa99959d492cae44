"""Severity: prediction and uncertainty as images are corrupted more and more."""

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
from zoo.stress.evaluation import Evaluation, evaluated, sampled
from zoo.stress.pixels import Spoiler, corrupted, images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 16  # images that are kept to be shown


@dataclass(frozen=True, repr=False, eq=False)
class Severity(Tabled):
    """What a posterior says of images that are corrupted more and more.

    Arguments:
        corruption: What they are corrupted by.
        severities: How much, in increasing order, (K,); 0 are the images as they are.
        evaluations: What the posterior says of all images at each severity.
        shown: The first few images at each severity, as pixels, (K, M, C, H, W).
    """

    corruption: str
    severities: Sequence[float]
    evaluations: Sequence[Evaluation]
    shown: Tensor

    @property
    def scores(self) -> Mapping[str, list[float]]:
        """Scores by name, one for each severity: accuracy, nll, ece, entropy and its parts."""
        each = [evaluation.scores for evaluation in self.evaluations]
        return {name: [scores[name] for scores in each] for name in each[0]}

    @property
    def table(self) -> Table:
        """A row for each severity."""
        scores = self.scores
        rows = zip(map(float, self.severities), *scores.values(), strict=True)
        return Table((self.corruption, *scores), list(rows), {self.corruption: 2})

    def plot(self) -> Figure:
        """Draw accuracy and uncertainty over severity."""
        from zoo import plots

        return plots.severity(
            self.severities, {"posterior": self.scores}, xlabel=self.corruption
        )

    def strip(self, index: int = 0) -> Figure:
        """Draw one of the first images at every severity, with what is predicted and how surely.

        Arguments:
            index: Which image.

        Raises:
            ValueError: An image that was not kept.
        """
        from zoo import plots

        if not 0 <= index < self.shown.shape[1]:
            raise ValueError(
                f"the first {self.shown.shape[1]} images are kept to be shown; {index} is none of them"
            )
        names = ("predicted", "entropy", "epistemic")
        rows = [
            [getattr(evaluation, name)[index] for evaluation in self.evaluations]
            for name in names
        ]
        titles = [f"{severity:g}" for severity in self.severities]
        true = [int(self.evaluations[0].y[index])] * len(titles)
        figure = plots.strip(
            self.shown[:, index], *map(torch.stack, rows), true=true, titles=titles
        )
        figure.suptitle(self.corruption, fontsize="medium")
        return figure

    def reliability(self) -> Figure:
        """Draw the reliability of the images as they are beside that of the most corrupted ones."""
        import matplotlib.pyplot as plt

        from zoo import plots

        figure = plt.figure(figsize=(9.0, 4.6), layout="constrained")
        ends = (
            (self.severities.index(0), "as they are"),
            (-1, f"{self.corruption} {self.severities[-1]:g}"),
        )
        for ax, (end, title) in zip(figure.subplots(1, 2), ends, strict=True):
            evaluation = self.evaluations[end]
            plots.reliability_diagram(
                *metrics.reliability(evaluation.probs, evaluation.y), ax=ax
            ).set_title(title)
        return figure


def severity(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    corrupt: Spoiler,
    severities: Sequence[float],
    num_samples: int = 50,
    seed: int = 0,
    progress: bool = True,
) -> Severity:
    r"""Spoil test images more and more, and return what the posterior still says, and how surely.

    .. math:: p(y \mid s(x, c)) \approx \frac1S \sum_s p(y \mid s(x, c), w_s), \qquad c = 0, c_1, \dots, c_K

    The same draws judge every severity, and the images are corrupted with the same
    random numbers, whatever posterior is asked: what differs along a curve, and between
    two of them, is the severity, and the posterior.

    References:
        Can You Trust Your Model's Uncertainty? Evaluating Predictive Uncertainty Under Dataset Shift (Ovadia, Fertig,
        Ren, Nado, Sculley, Nowozin, Dillon, Lakshminarayanan, Snoek, 2019)
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is corrupted as pixels between 0 and 1 and
            standardised again, or a pair (x, y) whose x are pixels and go into the
            network as they are.
        corrupt: Turns pixels (N, C, H, W) and a severity into corrupted ones:
            `rotation`, `noise`, `warp`, `fog` or any function of yours; its random
            numbers are torch's.
        severities: How much; 0, the images as they are, is added.
        num_samples: Draws behind each prediction.
        seed: Seed of the corruption's random numbers.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are no pixels; a posterior without weights or classes;
            what the corruption refuses.

    Example:
        >>> from zoo import stress
        >>> found = stress.severity(classifier, digits, stress.rotation, (30, 60), num_samples=5, progress=False)
        >>> found.severities
        (0, 30, 60)
    """
    test = images(data)
    draws = sampled(posterior, num_samples)
    levels = tuple(sorted({0, *severities}))
    evaluations, shown = [], []
    with bar(len(levels), "severities", progress) as steps:
        for level in levels:
            pixels = corrupted(test.pixels, corrupt, level, seed)
            evaluations.append(
                evaluated(posterior, draws, test.standardised(pixels), test.y)
            )
            shown.append(pixels[:SHOWN])
            steps.update()
    name = getattr(corrupt, "__name__", type(corrupt).__name__).replace("_", " ")
    return Severity(name, levels, evaluations, torch.stack(shown))
