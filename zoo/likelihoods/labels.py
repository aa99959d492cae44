"""Labels of classes: what they must be, and how usual other codes become class indices."""

from __future__ import annotations

import torch
from torch import Tensor


def check_labels(labels: Tensor, output: Tensor, arranged: Tensor) -> None:
    """Refuse labels that are no integers, or one-hot.

    Arguments:
        labels: Labels (N, ...).
        output: The network's output, (N, ...).
        arranged: The same with the classes last, (N, ..., O).
    """
    is_one_hot = labels.shape in (output.shape, arranged.shape)
    if is_one_hot and arranged.shape[-1] > 1:
        is_last = labels.shape == arranged.shape
        dim = -1 if is_last else 1
        raise ValueError(
            f"labels have the shape of the outputs, {tuple(labels.shape)}, as one-hot labels do, "
            f"but must be class indices; write y.argmax({dim})"
        )

    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(
            f"labels must be integers, the class indices, not {labels.dtype}; write y.long()"
        )


def describe_labels(labels: Tensor, num_classes: int) -> str:
    """Return which class indices there are, and what to write for labels that are others.

    Arguments:
        labels: The labels that are not ignored, in one dimension.
        num_classes: Number of classes O.
    """
    words = f"class indices 0 .. {num_classes - 1}"
    least, greatest = int(labels.min()), int(labels.max())
    if (least, greatest) == (1, num_classes):
        return f"{words}; these begin at 1, so write y - 1"

    is_outside = (labels < 0) | (labels >= num_classes)
    outside = labels[is_outside].unique().tolist()
    if len(outside) == 1:
        number = outside[0]
        return (
            f"{words}; to leave {number} out, write Categorical(ignore_index={number})"
        )

    return f"{words}; build the network with {greatest + 1} outputs if there are more"
