"""What a metric accepts, and the sentences for what it does not."""

from typing import NamedTuple

import torch
from torch import Tensor


class Classification(NamedTuple):
    """Probabilities (N, O) in float64 and labels (N,) in int64, both on the CPU."""

    probs: Tensor
    y: Tensor


def numbers(**tensors: Tensor) -> list[Tensor]:
    """Return tensors as float64 on the CPU; refuse unequal shapes, NaN and emptiness."""
    shapes = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise TypeError(f"{name} is a {kind}; write torch.as_tensor({name}).")
        if not tensor.numel():
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, which holds no data."
            )
        if tensor.isnan().any():
            raise ValueError(
                f"{name} has {int(tensor.isnan().sum())} NaN(s); drop or repair them."
            )
        shapes[name] = tuple(tensor.shape)
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{found}; write tensors of one shape, for nothing is broadcast."
        )
    return [tensor.detach().to("cpu", torch.float64) for tensor in tensors.values()]


def classification(probs: Tensor, y: Tensor) -> Classification:
    """Check probabilities and labels; turn those of a Bernoulli, (N,) or (N, 1), into (N, 2)."""
    (values,), (labels,) = numbers(probs=probs), numbers(y=y)
    if values.ndim > 2:
        raise ValueError(
            f"probs has shape {tuple(values.shape)}; write (N, O), averaged over draws, as "
            "probs.mean(0) does for (S, N, O)."
        )
    tolerance = (
        max(1e-3, 4.0 * torch.finfo(probs.dtype).eps)
        if probs.is_floating_point()
        else 0.0
    )
    if values.min() < -tolerance or values.max() > 1.0 + tolerance:
        raise ValueError(
            f"probs reaches from {values.min():.4g} to {values.max():.4g}, outside [0, 1]; "
            "write logits.softmax(-1), or logits.sigmoid() for two classes."
        )
    values = values.clamp(0.0, 1.0)
    if (
        values.ndim == 1 or values.shape[-1] == 1
    ):  # Bernoulli: the probability of label 1
        one = values.reshape(-1)
        values = torch.stack([1.0 - one, one], -1)  # (N,) -> (N, 2)
        labels = labels.squeeze(-1) if labels.shape == (len(one), 1) else labels
    elif (values.sum(-1) - 1.0).abs().max() > tolerance:
        row = int((values.sum(-1) - 1.0).abs().argmax())
        raise ValueError(
            f"probs sums to {values[row].sum():.4g} in row {row}, not to one; write probabilities "
            "(N, O) over classes, or score the columns of independent labels one by one."
        )
    _check_labels(labels, tuple(probs.shape), *values.shape)
    return Classification(values, labels.long())


def _check_labels(
    labels: Tensor, shape: tuple[int, ...], num_data: int, num_classes: int
) -> None:
    """Refuse labels that are not N class indices below O."""
    if labels.shape != (num_data,):
        raise ValueError(
            f"probs has shape {shape}, y has shape {tuple(labels.shape)}; "
            f"write y of shape ({num_data},), one class index for each row of probs."
        )
    wrong = (labels != labels.round()) | (labels < 0) | (labels >= num_classes)
    if wrong.any():
        raise ValueError(
            f"y holds {labels[wrong][0]:g}, which is no class index; probs of shape {shape} takes "
            f"integers from 0 to {num_classes - 1}."
        )


def like(result: Tensor, source: Tensor) -> Tensor:
    """Return a result on the device of its source, in its dtype but no coarser than float32."""
    return result.to(source.device, torch.promote_types(source.dtype, torch.float32))
