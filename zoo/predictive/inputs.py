"""Inputs as a model takes them, or the sentence that says why it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from zoo.model import BayesianNetwork


def evaluate_once(
    model: BayesianNetwork,
    values: Mapping[str, Tensor],
    x: Tensor,
    rows: int | None = None,
) -> Tensor:
    """Evaluate the network at the first rows of inputs, or say that it does not take them."""
    try:
        return model.output(values, x[:rows])
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        raise ValueError(
            f"{type(model.network).__name__} does not take inputs of shape {tuple(x.shape)}: {error}"
        ) from error


def place_inputs(model: BayesianNetwork, x: Tensor) -> Tensor:
    """Move inputs to predict at to the model's device, and floating ones to its dtype, or refuse them."""
    if len(x) == 0:
        raise ValueError(
            f"there are no inputs to predict at: they have shape {tuple(x.shape)}"
        )
    if not bool(torch.isfinite(x).all()):
        raise ValueError(
            "the inputs to predict at hold NaN or infinite values; remove or impute them first"
        )
    like = model.first_parameter
    return x.to(like.device, like.dtype if x.is_floating_point() else x.dtype)
