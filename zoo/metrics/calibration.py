"""Calibration of the predicted class: reliability by bin, and the expected error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.confusion import parts
from zoo.metrics.validation import cast_like


class Reliability(NamedTuple):
    """A reliability diagram, one entry for each bin of equal width.

    Arguments:
        confidence: Mean probability of the predicted class, (bins,); NaN in an empty
            bin.
        accuracy: Share of points whose predicted class is right, (bins,); NaN in an
            empty bin.
        count: Number of points, (bins,), int64.
    """

    confidence: Tensor
    accuracy: Tensor
    count: Tensor  # type: ignore[assignment]  # hides tuple.count


def reliability(
    probs: Tensor, y: Tensor, bins: int = 15, ignore_index: int = -100
) -> Reliability:
    r"""Confidence and accuracy of the predicted class in bins of the confidence.

    .. math:: B_b = \{ n : (b - 1)/\text{bins} < \max_k \text{probs}_{nk} \le b/\text{bins} \}

    Bins are closed on the right as in the paper, so confidence 1 shares the last bin
    with 0.99. The edges are rounded to the dtype of probs, so that 0.2 in float32 lies
    on the edge 0.2.

    References:
        On Calibration of Modern Neural Networks (Guo et al., 2017), arxiv.org/abs/1706.04599

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O) or (N, ..., O); for a
            Bernoulli the probability of label 1, (N,) or (N, 1), whose confidence is
            max(p, 1 - p). A million pixels are copied at a time.
        y: Class indices, (N,) or (N, ...); for a Bernoulli 0 or 1, (N,) or (N, 1).
        bins: Number of bins of equal width on [0, 1].
        ignore_index: Label of the data that are left out, besides -100.

    Raises:
        ValueError: probs are no probabilities, y no class indices, the shapes do not
            fit, or bins is below 1.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> probs = torch.tensor([[0.75, 0.25], [0.0, 1.0], [0.4, 0.6]])
        >>> metrics.reliability(probs, torch.tensor([0, 1, 0]), bins=2).count
        tensor([0, 3])
    """
    confidence, accuracy, count = _in_bins(probs, y, bins, ignore_index)
    return Reliability(
        confidence=cast_like(confidence, probs),
        accuracy=cast_like(accuracy, probs),
        count=count.to(probs.device),
    )


def calibration_error(
    probs: Tensor, y: Tensor, bins: int = 15, ignore_index: int = -100
) -> Tensor:
    r"""Expected calibration error (ECE) of the predicted class, between 0 and 1.

    .. math:: \sum_b \frac{|B_b|}{N} \, |\text{accuracy}(B_b) - \text{confidence}(B_b)|

    The estimate is biased upwards: a perfectly calibrated classifier scores about
    0.3 sqrt(bins in use / N), not 0. torchmetrics closes its bins on the left and puts
    confidence 1 into a bin of its own; away from the edges the two agree.

    References:
        On Calibration of Modern Neural Networks (Guo et al., 2017), arxiv.org/abs/1706.04599

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O) or (N, ..., O); for a
            Bernoulli the probability of label 1, (N,) or (N, 1), whose confidence is
            max(p, 1 - p). A million pixels are copied at a time.
        y: Class indices, (N,) or (N, ...); for a Bernoulli 0 or 1, (N,) or (N, 1).
        bins: Number of bins of equal width on [0, 1].
        ignore_index: Label of the data that are left out, besides -100.

    Raises:
        ValueError: probs are no probabilities, y no class indices, the shapes do not
            fit, or bins is below 1.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> metrics.calibration_error(torch.tensor([[0.8, 0.2], [0.8, 0.2]]), torch.tensor([0, 1]))
        tensor(0.3000)
    """
    error = gap(_in_bins(probs, y, bins, ignore_index))
    return cast_like(error, probs)


def gap(found: Reliability) -> Tensor:
    """Return the calibration error of a reliability diagram, a scalar.

    Arguments:
        found: The diagram.
    """
    gaps = (found.accuracy - found.confidence).abs()
    gaps = gaps.nan_to_num(0.0)  # empty bins have no weight
    return (found.count * gaps).sum() / found.count.sum()


def _in_bins(probs: Tensor, y: Tensor, bins: int, ignore_index: int) -> Reliability:
    """Sort points into bins, in float64 on the CPU."""
    is_integer = isinstance(bins, int) and not isinstance(bins, bool)
    if not is_integer or bins < 1:
        raise ValueError(
            f"bins is {bins!r}; write an integer of at least 1, such as 15"
        )

    edges = torch.arange(1, bins, dtype=torch.float64) / bins
    if probs.is_floating_point():
        edges = edges.to(probs.dtype).double()

    found = []
    for values, labels in parts(probs, y, ignore_index):
        confidence, predicted = values.max(-1)  # (M, O) -> (M,)
        right = (predicted == labels).double()
        found.append(binned(confidence, right, edges))

    return joined(found)


def joined(found: Sequence[Reliability]) -> Reliability:
    """Return the diagram of several parts of the data together.

    Arguments:
        found: The diagrams of the parts, with the same bins.
    """
    counts = torch.stack([part.count for part in found])
    total = counts.sum(0)
    means = []
    for name in ("confidence", "accuracy"):
        values = torch.stack([getattr(part, name) for part in found])
        sums = (values.nan_to_num(0.0) * counts).sum(0)
        means.append(sums / total)

    return Reliability(*means, total)


def binned(confidence: Tensor, right: Tensor, edges: Tensor) -> Reliability:
    """Sort points into bins by their confidence.

    Arguments:
        confidence: Probability of the predicted class, (N,), float64.
        right: 1 where the predicted class is right, else 0, (N,), float64.
        edges: Edges between the bins, (bins - 1,), float64.
    """
    num_bins = len(edges) + 1
    index = torch.bucketize(confidence, edges)  # edges[i - 1] < confidence <= edges[i]

    count = torch.bincount(index, minlength=num_bins)
    sum_confidence = torch.bincount(index, confidence, num_bins)
    sum_right = torch.bincount(index, right, num_bins)
    return Reliability(sum_confidence / count, sum_right / count, count)
