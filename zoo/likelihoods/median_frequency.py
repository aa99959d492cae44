"""Median frequency balancing: weights of classes from how often they occur."""

from __future__ import annotations

import torch
from torch import Tensor


def median_frequency(
    labels: Tensor, num_classes: int, ignore_index: int | None = None
) -> Tensor:
    r"""Weights of classes that are inversely proportional to their frequency, (O,).

    .. math:: w_c = \frac{\text{median}_{c'} f_{c'}}{f_c}, \qquad
        f_c = \frac{\text{pixels of class } c}
        {\text{pixels of the images in which } c \text{ occurs}}

    So the class of median frequency has weight 1, and rarer ones count more. A class
    without a label has weight 0. Pixels to ignore are not counted. If labels have one
    dimension, all of them are one image.

    References:
        Predicting Depth, Surface Normals and Semantic Labels with a Common Multi-Scale
        Convolutional Architecture (Eigen, Fergus, 2015), section 6.3.2

    Arguments:
        labels: Labels of the training part, (N,) or (N, ...).
        num_classes: Number of classes O.
        ignore_index: Label of the pixels that are left out; None for none.

    Raises:
        ValueError: A label that is no class index, or no label that counts.

    Example:
        >>> labels = torch.tensor([[0, 0, 0, 1], [0, 0, 0, 0]])
        >>> median_frequency(labels, num_classes=2)  # frequencies 7/8 and 1/4
        tensor([0.6429, 2.2500])
    """
    images = labels.reshape(1, -1) if labels.dim() == 1 else labels.flatten(1)
    is_counted = torch.ones_like(images, dtype=torch.bool)
    if ignore_index is not None:
        is_counted = images != ignore_index

    _check(images[is_counted], num_classes)

    counts = torch.zeros(len(images), num_classes, dtype=torch.float64)  # of pixels
    for number, (image, counted) in enumerate(zip(images, is_counted, strict=True)):
        counts[number] = torch.bincount(image[counted], minlength=num_classes)

    sizes = counts.sum(-1, keepdim=True)
    occurs = counts > 0
    pixels = (sizes * occurs).sum(0)  # of the images in which a class occurs
    frequency = counts.sum(0) / pixels  # NaN without a label
    weight = frequency[pixels > 0].quantile(0.5) / frequency

    return weight.nan_to_num(0.0).float()


def _check(labels: Tensor, num_classes: int) -> None:
    """Refuse labels (M,) that are no class indices, or none at all."""
    if labels.is_floating_point():
        raise ValueError(
            f"labels must be integers, the class indices, not {labels.dtype}; write y.long()"
        )

    if not len(labels):
        raise ValueError("no label counts, all are left out; give at least one")

    least, greatest = int(labels.min()), int(labels.max())
    if least < 0 or greatest >= num_classes:
        wrong = least if least < 0 else greatest
        raise ValueError(
            f"labels hold {wrong}, which is none of the class indices 0 .. {num_classes - 1}; "
            f"write ignore_index={wrong} to leave it out"
        )
