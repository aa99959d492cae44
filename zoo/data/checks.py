"""Checks of data: that they are inputs and targets which the model can have produced."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.predictive.inputs import evaluate_once
from zoo.runtime.as_tensors import as_tensors, check_same_rows
from zoo.runtime.autograd import usable
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.rows import Rows, describe, first, moved, named_tensors, num_rows

Batch = tuple[Rows, Tensor | Observed]
"""Inputs (B, ...), a tensor or a tuple or mapping of them, and targets (B, ...)."""


def pair(
    data: Any,
    what: str = "data must be a pair (x, y), a TensorDataset or a DataLoader",
) -> Batch:
    """Return the inputs and targets of a pair or a `TensorDataset` as tensors.

    Arguments:
        data: The pair.
        what: The start of the error message: what the data should be.

    Raises:
        TypeError: Anything else.
    """
    parts = data.tensors if isinstance(data, TensorDataset) else data
    family = type(data).__name__
    if not isinstance(parts, (tuple, list)):
        raise TypeError(f"{what}, not {family}")

    if isinstance(data, TensorDataset) and len(parts) > 2:
        parts = (parts[:-1], parts[-1])

    if len(parts) != 2:
        raise TypeError(
            f"{what}, not {family} of {len(parts)}; several inputs are a tuple, ((x1, x2), y)"
        )

    x, y = parts
    check_same_rows(x, y)

    return as_tensors(x, "inputs"), as_targets(y)


def as_targets(y: Any) -> Tensor | Observed:
    """Return targets as a tensor, or as they are observed."""
    if isinstance(y, Observed):
        parts = [None if part is None else as_tensors(part, "targets") for part in y]
        return Observed(*parts)

    if _is_text(y):
        raise TypeError(
            "the targets are text; write datasets.classification(X, y), which gives class "
            "indices, and the labels in data.classes"
        )

    targets = as_tensors(y, "targets")
    if not isinstance(targets, Tensor):
        family = type(y).__name__
        raise TypeError(
            f"the targets must be a tensor, not {family}; write torch.as_tensor(...)"
        )

    return targets


def _is_text(y: Any) -> bool:
    """Return whether targets are labels in words."""
    labels = y.tolist() if hasattr(y, "tolist") and not isinstance(y, Tensor) else y
    is_list = isinstance(labels, (list, tuple)) and len(labels) > 0

    return is_list and isinstance(labels[0], str)


def on_device(model: BayesianNetwork, x: Rows, y: Tensor | Observed) -> Batch:
    """Move inputs and targets to the model's device, and floating-point inputs to its dtype."""
    like = model.first_parameter
    if isinstance(y, Observed):
        return moved(x, like), moved(y, like)

    return moved(x, like), usable(y.to(like.device))


def checked(model: BayesianNetwork, x: Rows, y: Tensor | Observed) -> Batch:
    """Return data that the model can have produced, and refuse others.

    Arguments:
        model: The model.
        x: Inputs (N, ...), on the model's device.
        y: Targets (N, ...).

    Raises:
        ValueError: Inputs and targets of different number, or none; values that are not
            finite; inputs that the network does not take; targets that do not fit the
            likelihood.
    """
    num_data = num_rows(x)
    num_targets = num_rows(y, "targets")
    if num_data != num_targets:
        raise ValueError(
            f"give as many inputs as targets, not {num_data} and {num_targets}: their shapes are "
            f"{describe(x)} and {describe(y)}"
        )

    if num_data == 0:
        raise ValueError(
            "there are no data: the inputs have length 0; give at least one"
        )

    for place, tensor in named_tensors(x, "inputs").items():
        _refuse_infinite(place, tensor)

    values = model.plan.inits(model.network)
    with torch.no_grad(), evaluation_mode(model.network):
        output = evaluate_once(model, values, x, rows=2)

    few = x if model.whole else first(x, 2)
    if output.dim() == 0 or len(output) != num_rows(few):
        output_shape = tuple(output.shape)
        raise ValueError(
            f"the network gives outputs of shape {output_shape} for inputs of shape "
            f"{describe(few)}; the batch must be the first dimension"
        )

    all_outputs = output[:1].expand(num_data, *output.shape[1:])
    all_outputs = all_outputs.contiguous()
    model.likelihood = model.likelihood.for_data(all_outputs, y)
    model.likelihood.check(all_outputs, y)

    return x, y


def _refuse_infinite(role: str, tensor: Tensor) -> None:
    """Refuse values that are not finite, and name the first row with one."""
    finite = torch.isfinite(tensor)
    if bool(finite.all()):
        return

    is_finite_row = finite.reshape(len(tensor), -1).all(-1)
    row = int((~is_finite_row).nonzero()[0])
    raise ValueError(
        f"the {role} hold NaN or infinite values, the first in row {row}; remove or impute them"
    )
