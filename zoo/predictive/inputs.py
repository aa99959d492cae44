"""Inputs of a model: moved to its device and dtype, and refused if it does not take them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.predictive.network_model import NetworkModel
from zoo.runtime.as_tensors import as_tensors
from zoo.runtime.caller import stack_level
from zoo.runtime.rows import Rows, describe, first, moved, num_rows, tensors_of

_FAILURES = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


def evaluate_once(
    model: NetworkModel,
    values: Mapping[str, Tensor],
    x: Rows,
    rows: int | None = None,
) -> Tensor:
    """Evaluate the network at the first rows of the inputs, or at all if it takes no fewer.

    A network that fails at a few rows and not at all of them is one that must see all rows
    at once. The model says so from then on, after one warning.

    Arguments:
        model: The model whose network is evaluated.
        values: A value of every site, point estimate and buffer.
        x: Inputs (N, ...).
        rows: Number of inputs to evaluate at; by default all.

    Raises:
        ValueError: The network does not take inputs of this shape.
    """
    try:
        return model.output(values, first(x, None if model.whole else rows))
    except _FAILURES as error:
        output = _output_of_all_rows(model, values, x, rows)
        if output is not None:
            return output

        network = type(model.network).__name__
        raise ValueError(
            f"{network} does not take inputs of shape {describe(x)}: {error}{_remedy(x)}"
        ) from error


def _output_of_all_rows(
    model: NetworkModel, values: Mapping[str, Tensor], x: Rows, rows: int | None
) -> Tensor | None:
    """Return the output at all rows if the network takes these and no fewer, else None."""
    num_data = num_rows(x)
    is_known = model.whole is not None
    if is_known or rows is None or num_data <= rows:
        return None

    try:
        output = model.output(values, x)
    except _FAILURES:
        return None

    if output.dim() == 0 or len(output) != num_data:
        return None

    model.whole = True
    network = type(model.network).__name__
    warnings.warn(
        f"{network} takes all {num_data} rows at once, and not {rows} of them, so it is fitted "
        "without batches; to say so, write zoo.BayesianNetwork(..., whole=True)",
        stacklevel=stack_level(),
    )

    return output


def check_whole(whole: bool | None) -> None:
    """Refuse another value than those of `whole`.

    Raises:
        TypeError: It is not True, False or None.
    """
    if whole is not None and not isinstance(whole, bool):
        raise TypeError(
            "whole says whether the network must see all rows at once and must be True, False or "
            f"None, not {whole!r}; rows that are labelled are fit(data, weights=mask)"
        )


def _remedy(x: Rows) -> str:
    """Return what to try if the network does not take inputs, "" for nothing."""
    are_integers = isinstance(x, Tensor) and x.dtype in (torch.int32, torch.int64)
    if not are_integers:
        return ""

    return (
        "; they are integers: write x.float(), or x.astype(float), if it takes floats"
    )


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
