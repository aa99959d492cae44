"""Checks of data: that they are pairs of tensors which the model can have produced."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from zoo.model import BayesianNetwork
from zoo.predictive.inputs import evaluate_once
from zoo.runtime.distributions import to
from zoo.runtime.modes import evaluation_mode


def pair(
    data: object,
    what: str = "data must be a pair (x, y), a TensorDataset or a DataLoader",
) -> tuple[Tensor, Tensor]:
    """Return the inputs and targets of a pair of tensors or a `TensorDataset`.

    Arguments:
        data: The pair.
        what: The start of the error message: what the data should be.

    Raises:
        TypeError: Anything else.
    """
    tensors = data.tensors if isinstance(data, TensorDataset) else data
    family = type(data).__name__
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(f"{what}, not {family}")

    if len(tensors) != 2:
        raise TypeError(f"{what}, not {family} of {len(tensors)}")

    x, y = tensors
    _refuse_other_than_tensor("inputs", x)
    _refuse_other_than_tensor("targets", y)

    return x, y


def on_device(model: BayesianNetwork, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Move inputs and targets to the model's device, and floating-point inputs to its dtype."""
    like = model.first_parameter

    return to(x, like), y.to(like.device)


def checked(model: BayesianNetwork, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
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
    if len(x) != len(y):
        x_shape, y_shape = tuple(x.shape), tuple(y.shape)
        raise ValueError(
            f"give as many inputs as targets, not {len(x)} and {len(y)}: their shapes are "
            f"{x_shape} and {y_shape}"
        )

    if len(x) == 0:
        raise ValueError(
            "there are no data: the inputs have length 0; give at least one"
        )

    _refuse_infinite("inputs", x)
    _refuse_infinite("targets", y)

    values = model.plan.inits(model.network)
    with torch.no_grad(), evaluation_mode(model.network):
        output = evaluate_once(model, values, x, rows=2)

    few = x[:2]
    if len(output) != len(few):
        output_shape, shape = tuple(output.shape), tuple(few.shape)
        raise ValueError(
            f"the network gives outputs of shape {output_shape} for inputs of shape {shape}; "
            "the batch must be the first dimension"
        )

    all_outputs = output[:1].expand(len(x), *output.shape[1:])
    model.likelihood.check(all_outputs.contiguous(), y)

    return x, y


def checked_batch(model: BayesianNetwork, batch: object) -> tuple[Tensor, Tensor]:
    """Return one batch of a loader on the model's device, checked against the model."""
    x, y = pair(batch, "a batch must be a pair (x, y)")

    return checked(model, *on_device(model, x, y))


def _refuse_other_than_tensor(role: str, value: object) -> None:
    """Refuse inputs or targets that are not a tensor."""
    if isinstance(value, Tensor):
        return

    family = type(value).__name__
    raise TypeError(
        f"the {role} must be a tensor, not {family}; write torch.as_tensor(...)"
    )


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
