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
    refuse_one_hot(labels, arranged)
    if labels.shape == output.shape:
        refuse_one_hot(labels, output, dim=1)

    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(
            f"labels must be integers, the class indices, not {labels.dtype}; write y.long()"
        )


def refuse_one_hot(labels: Tensor, probs: Tensor, dim: int = -1) -> None:
    """Refuse labels that have the shape of class probabilities or logits.

    Arguments:
        labels: Labels (N, ...).
        probs: Probabilities or logits, (N, ..., O) for the last dimension.
        dim: The dimension of the classes.
    """
    if labels.shape == probs.shape and probs.shape[dim] > 1:
        raise ValueError(
            f"labels have the shape of the outputs, {tuple(labels.shape)}, as one-hot labels do, "
            f"but must be class indices; write y.argmax({dim})"
        )


def refuse_other_shape(labels: Tensor, output: Tensor) -> None:
    """Refuse labels that fit outputs (N, ...) with the classes neither last nor in dimension 1.

    Arguments:
        labels: Labels (N, ...).
        output: The network's output, of three dimensions or more.
    """
    shape = tuple(output.shape)
    last = shape[:-1]
    first = (shape[0], *shape[2:])
    found = tuple(labels.shape)
    remedy = ""
    for expected in (last, first):
        if [size for size in found if size > 1] == [
            size for size in expected if size > 1
        ]:
            remedy = f"; write y.reshape({expected})"

    raise ValueError(
        f"labels have shape {found}, but with outputs of shape {shape} they must be {first}, if "
        f"the classes are in dimension 1 as in torch, or {last}, if they are last{remedy}"
    )


def describe_labels(labels: Tensor, num_classes: int) -> str:
    """Return which class indices there are, and what to write for labels that are others.

    Arguments:
        labels: The labels that are not ignored, in one dimension.
        num_classes: Number of classes O.
    """
    if num_classes == 1:
        return (
            "class indices 0 .. 0, because the network has 1 output; build it with one for each "
            "class, or use likelihoods.Bernoulli()"
        )

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
