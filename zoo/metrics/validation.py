"""Checks of the arguments of metrics, and the dtype of their results."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

IGNORED = -100  # the label that torch's cross_entropy leaves out


class Classification(NamedTuple):
    """Checked probabilities and labels, both on the CPU.

    Arguments:
        probs: Class probabilities, (N, O), float64.
        y: Class indices, (N,), int64.
    """

    probs: Tensor
    y: Tensor


def checked(**tensors: Tensor) -> list[Tensor]:
    """Return tensors as float64 on the CPU.

    Arguments:
        tensors: Tensors of one shape, by the name that an error mentions.

    Raises:
        TypeError: Something that is not a tensor.
        ValueError: No elements, NaNs, or several shapes.
    """
    for name, tensor in tensors.items():
        check_tensor(name, tensor)

    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        parts = [f"{name} has shape {shape}" for name, shape in shapes.items()]
        found = ", ".join(parts)
        raise ValueError(f"{found}; write tensors of the same shape")

    return [tensor.detach().to("cpu", torch.float64) for tensor in tensors.values()]


def checked_classification(probs: Tensor, y: Tensor) -> Classification:
    """Return class probabilities (N, O) and class indices (N,); a Bernoulli has two classes.

    Pixels or words with a class each are data of their own. Labels -100 are left out, as
    torch's `cross_entropy` does.

    Arguments:
        probs: Predictive probabilities, (N, O) or (N, ..., O); for a Bernoulli the
            probability of label 1, (N,) or (N, 1).
        y: Class indices, (N,) or (N, ...); for a Bernoulli 0 or 1, (N,) or (N, 1).

    Raises:
        ValueError: probs are no probabilities, y no class indices, or the shapes do not
            fit.
    """
    (values,) = checked(probs=probs)
    (labels,) = checked(y=y)
    if values.ndim > 2 and labels.shape == values.shape[:-1]:
        values, labels = (
            values.flatten(0, -2),
            labels.flatten(),
        )  # (N, ..., O) -> (M, O)

    if values.ndim > 2:
        raise ValueError(
            f"probs has shape {tuple(values.shape)}; write (N, O), averaged over draws, as "
            "probs.mean(0) does for (S, N, O)"
        )

    tolerance = _tolerance(probs.dtype)
    least = values.min()
    greatest = values.max()
    if least < -tolerance or greatest > 1.0 + tolerance:
        raise ValueError(
            f"probs reaches from {least:.4g} to {greatest:.4g}, outside [0, 1]; "
            "write logits.softmax(-1), or logits.sigmoid() for two classes"
        )

    values = values.clamp(0.0, 1.0)

    is_bernoulli = values.ndim == 1 or values.shape[-1] == 1
    if is_bernoulli:
        values, labels = _two_classes(values, labels)
    else:
        _check_sums(values, tolerance)

    is_label = labels != IGNORED
    if labels.shape == (len(values),) and not bool(is_label.all()):
        values, labels = values[is_label], labels[is_label]
        if not len(labels):
            raise ValueError(f"all labels are {IGNORED}, which are left out; give one")

    num_data, num_classes = values.shape
    _check_labels(labels, tuple(probs.shape), num_data, num_classes)
    return Classification(values, labels.long())


def check_tensor(name: str, tensor: Tensor) -> None:
    """Refuse what is not a tensor, has no elements or contains NaN."""
    if not isinstance(tensor, Tensor):
        kind = type(tensor).__name__
        raise TypeError(f"{name} is a {kind}; write torch.as_tensor({name})")

    if not tensor.numel():
        shape = tuple(tensor.shape)
        raise ValueError(
            f"{name} has shape {shape} and no data; give at least one point"
        )

    num_nan = int(tensor.isnan().sum())
    if num_nan:
        raise ValueError(f"{name} has {num_nan} NaN(s); remove or impute them")


def cast_like(result: Tensor, source: Tensor) -> Tensor:
    """Return a result on the device of its source, in its dtype or float32 if that is finer."""
    dtype = torch.promote_types(source.dtype, torch.float32)
    return result.to(source.device, dtype)


def _tolerance(dtype: torch.dtype) -> float:
    """Return the rounding error that probabilities of a dtype may have."""
    if not dtype.is_floating_point:
        return 0.0

    return max(1e-3, 4.0 * torch.finfo(dtype).eps)


def _two_classes(values: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities (N, 2) and labels (N,) of a Bernoulli."""
    one = values.reshape(-1)
    probs = torch.stack([1.0 - one, one], -1)  # (N,) -> (N, 2)
    if labels.shape == (len(one), 1):
        labels = labels.squeeze(-1)

    return probs, labels


def _check_sums(values: Tensor, tolerance: float) -> None:
    """Refuse rows (N, O) that do not sum to one."""
    sums = values.sum(-1)
    errors = (sums - 1.0).abs()
    if errors.max() > tolerance:
        row = int(errors.argmax())
        raise ValueError(
            f"probs sums to {sums[row]:.4g} in row {row}, not to one; write probabilities "
            "(N, O) over classes, or score each column of independent labels alone"
        )


def _check_labels(
    labels: Tensor, shape: tuple[int, ...], num_data: int, num_classes: int
) -> None:
    """Refuse labels that are not N class indices below O."""
    if labels.shape != (num_data,):
        raise ValueError(
            f"probs has shape {shape}, y has shape {tuple(labels.shape)}; "
            f"write y of shape ({num_data},), one class index for each row of probs"
        )

    is_fraction = labels != labels.round()
    is_outside = (labels < 0) | (labels >= num_classes)
    wrong = labels[is_fraction | is_outside]
    if len(wrong):
        raise ValueError(
            f"y holds {wrong[0]:g}, which is not a class index; probs of shape {shape} takes "
            f"integers from 0 to {num_classes - 1}"
        )
