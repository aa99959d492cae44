"""Intersection over union of the pixels of a class, averaged over classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.metrics.confusion import confusion, iou_of
from zoo.metrics.validation import cast_like, checked


def mean_iou(probs: Tensor, y: Tensor, ignore_index: int = -100) -> Tensor:
    r"""Intersection over union (Jaccard index), averaged over classes, between 0 and 1.

    .. math:: \frac1O \sum_j \frac{C_{jj}}{\sum_k C_{jk} + \sum_k C_{kj} - C_{jj}}

    The intersection is of all data together, not of each image. Classes that are neither
    in the labels nor in the predictions are left out of the average.

    References:
        The Pascal Visual Object Classes Challenge: A Retrospective (Everingham et al., 2015)

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O) or (N, ..., O).
        y: Class indices, (N,) or (N, ...).
        ignore_index: Label of the data that are left out, besides -100.

    Raises:
        ValueError: As of `confusion`.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> probs = torch.tensor([[0.8, 0.2], [0.3, 0.7], [0.2, 0.8]])
        >>> metrics.mean_iou(probs, torch.tensor([0, 0, 1]))  # 1/2 of both classes
        tensor(0.5000)
    """
    found = iou_of(confusion(probs, y, ignore_index).double())

    return cast_like(found.nanmean(), probs)


def mean_iou_of_kept(
    probs: Tensor,
    y: Tensor,
    uncertainty: Tensor,
    fractions: Sequence[float],
    ignore_index: int = -100,
) -> Tensor:
    r"""Mean intersection over union of the pixels that are kept if others are referred, (K,).

    The most uncertain pixels of all images are referred to a human. Under a useful
    uncertainty the pixels that are kept are more often right.

    References:
        Evaluating Bayesian Deep Learning Methods for Semantic Segmentation (Mukhoti, Gal, 2018)

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, ..., O).
        y: Class indices, (N, ...).
        uncertainty: Uncertainty of each pixel, (N, ...), such as its entropy.
        fractions: Fractions of the pixels that are referred, (K,), from 0 to below 1.
        ignore_index: Label of the pixels that are left out, besides -100.

    Raises:
        ValueError: A fraction outside [0, 1), or shapes that do not fit.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> probs = torch.tensor([[[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]])
        >>> y, entropy = torch.tensor([[0, 0, 1]]), torch.tensor([[0.5, 0.67, 0.33]])
        >>> metrics.mean_iou_of_kept(probs, y, entropy, [0.0, 0.4])
        tensor([0.5000, 1.0000])
    """
    checked(uncertainty=uncertainty)
    if uncertainty.shape != y.shape:
        raise ValueError(
            f"uncertainty has shape {tuple(uncertainty.shape)} and y {tuple(y.shape)}; write one "
            "uncertainty for each label"
        )

    labels = y.masked_fill(y == ignore_index, -100)
    counted = uncertainty[labels != -100].flatten()
    order = counted.argsort(stable=True)
    found = []
    for fraction in fractions:
        number = _num_kept(fraction, len(counted))
        is_kept = torch.zeros(len(counted), dtype=torch.bool)
        is_kept[order[:number]] = True

        kept = labels.clone()
        kept[labels != -100] = labels[labels != -100].masked_fill(~is_kept, -100)
        found.append(mean_iou(probs, kept))

    return torch.stack(found)


def _num_kept(fraction: float, number: int) -> int:
    """Return how many of some pixels are kept when a fraction is referred."""
    kept = number - round(fraction * number)
    if 0 <= fraction < 1 and kept > 0:
        return kept

    raise ValueError(
        "a fraction to refer must be at least 0 and below 1, and keep at least one of the "
        f"{number} pixels, not {fraction}"
    )
