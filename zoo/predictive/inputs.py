"""Inputs of a model: moved to its device and dtype, and refused if it does not take them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.predictive.network_model import NetworkModel
from zoo.runtime.distributions import to


def evaluate_once(
    model: NetworkModel,
    values: Mapping[str, Tensor],
    x: Tensor,
    rows: int | None = None,
) -> Tensor:
    """Evaluate the network at the first rows of the inputs.

    Arguments:
        model: The model whose network is evaluated.
        values: A value of every site, point estimate and buffer.
        x: Inputs (N, ...).
        rows: Number of inputs to evaluate at; by default all.

    Raises:
        ValueError: The network does not take inputs of this shape.
    """
    try:
        return model.output(values, x[:rows])
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        network = type(model.network).__name__
        shape = tuple(x.shape)
        raise ValueError(
            f"{network} does not take inputs of shape {shape}: {error}"
        ) from error


def place_inputs(model: NetworkModel, x: Tensor) -> Tensor:
    """Move inputs to the model's device, and floating-point inputs to its dtype.

    Arguments:
        model: The model that predicts.
        x: Inputs (N, ...).

    Raises:
        ValueError: There are no inputs, or some are not finite.
    """
    if len(x) == 0:
        shape = tuple(x.shape)
        raise ValueError(
            f"there are no inputs, their shape is {shape}; give at least one"
        )

    if not bool(torch.isfinite(x).all()):
        raise ValueError(
            "the inputs hold NaN or infinite values; remove or impute them first"
        )

    return to(x, model.first_parameter)
