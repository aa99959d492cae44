"""How often each class is predicted for each class, and what follows from that."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo.metrics.validation import (
    IGNORED,
    cast_like,
    check_tensor,
    checked_classification,
)
from zoo.runtime.torchvision_shim import load_torchmetrics

_AT_ONCE = 2**20  # pixels whose probabilities are copied


def confusion(probs: Tensor, y: Tensor, ignore_index: int = -100) -> Tensor:
    r"""Number of data of each class (rows) that are predicted as each class (columns), (O, O).

    .. math:: C_{jk} = |\{ n : y_n = j, \arg\max_o \text{probs}_{no} = k \}|

    Pixels with a class each are data of their own. They are counted a million at a time.

    References:
        TorchMetrics: Measuring Reproducibility in PyTorch (Detlefsen et al., 2022)

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O) or (N, ..., O).
        y: Class indices, (N,) or (N, ...).
        ignore_index: Label of the data that are left out, besides -100.

    Raises:
        ValueError: probs are no probabilities, y no class indices, the shapes do not fit,
            or all data are left out.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> metrics.confusion(torch.tensor([[0.8, 0.2], [0.3, 0.7]]), torch.tensor([0, 0]))
        tensor([[1., 1.],
                [0., 0.]])
    """
    load_torchmetrics()
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    total = torch.zeros(())
    for values, labels in parts(probs, y, ignore_index):
        predicted = values.argmax(-1)
        num_classes = values.shape[-1]
        total = total + multiclass_confusion_matrix(predicted, labels, num_classes)

    return cast_like(total, probs)


def parts(
    probs: Tensor, y: Tensor, ignore_index: int = -100
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give checked probabilities (M, O) and class indices (M,) for a part of the data at a time.

    Arguments:
        probs: Predictive probabilities, (N, O) or (N, ..., O).
        y: Class indices, (N,) or (N, ...).
        ignore_index: Label of the data that are left out, besides -100.

    Raises:
        ValueError: All data are left out.
    """
    check_tensor("probs", probs)
    check_tensor("y", y)
    y = y if y.is_floating_point() else y.long()
    is_dense = probs.dim() > 2 and y.shape == probs.shape[:-1]
    if is_dense:
        probs, y = probs.flatten(0, -2), y.flatten()

    is_left_out = (y == ignore_index) | (y == IGNORED)
    if bool(is_left_out.all()):
        raise ValueError(
            f"all labels are {ignore_index}, which are left out; give at least one"
        )

    labels = y.masked_fill(is_left_out, IGNORED)
    is_long = probs.dim() == 2 and labels.shape == probs.shape[:1]
    size = _AT_ONCE if is_long else max(1, len(probs))
    for some, some_labels in zip(probs.split(size), labels.split(size), strict=True):
        if bool((some_labels != IGNORED).any()):
            found = checked_classification(some, some_labels)
            yield found.probs, found.y


def iou_of(counts: Tensor) -> Tensor:
    """Return the intersection over union of each class, (..., O); NaN of one that never occurs.

    Arguments:
        counts: Numbers of data by class and predicted class, (..., O, O).
    """
    right = counts.diagonal(dim1=-2, dim2=-1)
    union = counts.sum(-1) + counts.sum(-2) - right

    return right / union


def recall_of(counts: Tensor) -> Tensor:
    """Return the share of each class that is predicted right, (..., O); NaN without data.

    Arguments:
        counts: Numbers of data by class and predicted class, (..., O, O).
    """
    return counts.diagonal(dim1=-2, dim2=-1) / counts.sum(-1)
