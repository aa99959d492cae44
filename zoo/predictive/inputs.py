"""Inputs of a model: moved to its device and dtype, and refused if it does not take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.predictive.network_model import NetworkModel
from zoo.runtime.as_tensors import as_tensors
from zoo.runtime.rows import Rows, describe, first, moved, num_rows, tensors_of


def evaluate_once(
    model: NetworkModel,
    values: Mapping[str, Tensor],
    x: Rows,
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
        return model.output(values, first(x, rows))
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        network = type(model.network).__name__
        raise ValueError(
            f"{network} does not take inputs of shape {describe(x)}: {error}{_remedy(x)}"
        ) from error


def _remedy(x: Rows) -> str:
    """Return what to try if the network does not take inputs, "" for nothing."""
    is_whole = isinstance(x, Tensor) and x.dtype in (torch.int32, torch.int64)

    return "; they are integers: write x.float() if it takes floats" if is_whole else ""


def place_inputs(model: NetworkModel, x: Any) -> Rows:
    """Return inputs as tensors on the model's device, those of floats in its dtype.

    Arguments:
        model: The model that predicts.
        x: Inputs (N, ...): a tensor, an array, a table, or a tuple or mapping of them.

    Raises:
        ValueError: There are no inputs, or some are not finite.
        TypeError: Inputs that are not numeric.
    """
    x = as_tensors(x)
    if num_rows(x) == 0:
        raise ValueError(
            f"there are no inputs, their shape is {describe(x)}; give at least one"
        )

    for tensor in tensors_of(x):
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(
                "the inputs hold NaN or infinite values; remove or impute them first"
            )

    return moved(x, model.first_parameter)
