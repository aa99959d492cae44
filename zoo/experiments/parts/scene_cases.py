"""Scores of predicted pixels, kept image by image, so that their errors are over images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.experiments.running.scores import Number
from zoo.metrics.border_profile import border_profile
from zoo.metrics.calibration import Reliability, binned, gap
from zoo.metrics.confusion import confusion, iou_of, recall_of
from zoo.metrics.mean_iou import mean_iou_of_kept
from zoo.posterior import AveragedClasses

FRACTIONS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_EDGES = (torch.arange(1, 15) / 15).double()  # of 15 bins
_RESAMPLED = 100  # times that images are resampled for an error
_SMALLEST = 1e-12  # of a probability
_FARTHEST = 12  # pixels from a border

Score = Callable[["PixelCases"], float | Tensor]


@dataclass(frozen=True)
class PixelCases:
    """Sums over the pixels of each of N images, from which scores follow.

    Arguments:
        counts: Numbers of pixels by class and predicted class, (N, O, O).
        nll: Sum of the negative log probabilities of the labels in nats, (N,).
        confidence: Sum of the confidences in each bin of them, (N, B).
        right: Number of pixels that are right in each bin, (N, B).
        number: Number of pixels in each bin, (N, B).
        total: Sum of the entropies of the pixels of each class in nats, (N, O).
        epistemic: The same of the mutual information of class and draw.
    """

    counts: Tensor
    nll: Tensor
    confidence: Tensor
    right: Tensor
    number: Tensor
    total: Tensor
    epistemic: Tensor

    @classmethod
    def of(cls, found: AveragedClasses, y: Tensor, void: int) -> PixelCases:
        """Score predictions against label maps.

        Arguments:
            found: The predictions of N images.
            y: Label maps (N, H, W).
            void: Label of pixels without a class.
        """
        columns: dict[str, list[Tensor]] = {name: [] for name in cls.__annotations__}
        parts = (found.probs, found.entropy, found.epistemic, y)
        for probs, entropy, epistemic, labels in zip(*parts, strict=True):
            kept = labels != void
            of_image = _sums(probs[kept], labels[kept], entropy[kept], epistemic[kept])
            for name, value in of_image.items():
                columns[name].append(value)

        return cls(**{name: torch.stack(values) for name, values in columns.items()})

    def take(self, rows: Tensor) -> PixelCases:
        """Return the sums of some images."""
        return PixelCases(*(value[rows] for value in vars(self).values()))

    @property
    def frequency(self) -> Tensor:
        """Share of the pixels that have each class, (O,)."""
        pixels = self.counts.sum((0, 2))
        return pixels / pixels.sum()

    @property
    def accuracy(self) -> Tensor:
        """Share of the pixels of each class that are predicted right, (O,)."""
        return recall_of(self.counts.sum(0))

    @property
    def iou(self) -> Tensor:
        """Intersection over union of each class, (O,)."""
        return iou_of(self.counts.sum(0))

    @property
    def reliability(self) -> Reliability:
        """Confidence and accuracy of all pixels by bin of the confidence."""
        number = self.number.sum(0)
        confidence = self.confidence.sum(0) / number
        right = self.right.sum(0) / number

        return Reliability(confidence, right, number)

    def mean_of_class(self, name: str) -> Tensor:
        """Return the mean uncertainty of the pixels of each class in nats, (O,)."""
        return getattr(self, name).sum(0) / self.counts.sum((0, 2))


def _global_accuracy(cases: PixelCases) -> Tensor:
    counts = cases.counts.sum(0)
    return counts.diagonal().sum() / counts.sum()


def _nll(cases: PixelCases) -> Tensor:
    return cases.nll.sum() / cases.counts.sum()


def _ece(cases: PixelCases) -> Tensor:
    return gap(cases.reliability)


SCORES: dict[str, Score] = {
    "global accuracy %": lambda cases: 100 * _global_accuracy(cases),
    "class accuracy %": lambda cases: 100 * cases.accuracy.nanmean(),
    "mean IoU %": lambda cases: 100 * cases.iou.nanmean(),
    "NLL": _nll,
    "ECE": _ece,
}


def number_of(cases: PixelCases, score: Score) -> Number:
    """Return a score, with its standard deviation over resampled images as its error."""
    values = [float(score(cases.take(rows))) for rows in _resampled(cases)]
    return _bootstrapped(values)


def difference_of(one: PixelCases, other: PixelCases, score: Score) -> Number:
    """Return the difference of a score of two predictions of the same images, one minus other."""
    values = []
    for rows in _resampled(one):
        values.append(float(score(one.take(rows))) - float(score(other.take(rows))))

    return _bootstrapped(values)


def curves_of(found: AveragedClasses, y: Tensor, void: int) -> dict[str, Tensor]:
    """Return mean IoU by the fraction referred, and uncertainties by distance to a border.

    Arguments:
        found: The predictions of N images.
        y: Label maps (N, H, W).
        void: Label of pixels without a class.
    """
    kinds = {
        "total": found.entropy,
        "epistemic": found.epistemic,
        "aleatoric": found.aleatoric,
    }
    curves = {}
    for name, values in kinds.items():
        profile = border_profile(values, y, void, most=_FARTHEST)
        curves[f"{name} by distance"] = profile.mean
        if name != "aleatoric":
            ious = mean_iou_of_kept(found.probs, y, values, FRACTIONS, void)
            curves[f"IoU by {name}"] = ious

    return curves


def _sums(
    probs: Tensor, labels: Tensor, entropy: Tensor, epistemic: Tensor
) -> dict[str, Tensor]:
    """Return the sums over the pixels (M,) of one image that have a class."""
    num_classes = probs.shape[-1]
    of_labels = probs.gather(-1, labels.unsqueeze(-1))
    top, predicted = probs.double().max(-1)
    bins = binned(top, (predicted == labels).double(), _EDGES)

    def by_class(values: Tensor) -> Tensor:
        return torch.bincount(labels, values.double(), num_classes)

    return {
        "counts": confusion(probs, labels).double(),
        "nll": -of_labels.clamp_min(_SMALLEST).log().double().sum(),
        "confidence": bins.confidence.nan_to_num(0.0) * bins.count,
        "right": bins.accuracy.nan_to_num(0.0) * bins.count,
        "number": bins.count.double(),
        "total": by_class(entropy),
        "epistemic": by_class(epistemic),
    }


def _resampled(cases: PixelCases) -> list[Tensor]:
    """Return all images, and then images drawn with replacement, the same in every call."""
    size = len(cases.nll)
    random = torch.Generator().manual_seed(0)
    drawn = torch.randint(size, (_RESAMPLED, size), generator=random)

    return [torch.arange(size), *drawn]


def _bootstrapped(values: list[float]) -> Number:
    """Return the first value, with the standard deviation of the others as its error."""
    spread = torch.tensor(values[1:]).std()
    return Number(values[0], float(spread))
