"""A column of a table as targets: those of one output are (N, 1), where a column is (N,)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from zoo.data.checks import checked, on_device
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.rows import Rows


def is_column(data: Any) -> bool:
    """Return whether the targets of a pair are a column of a table, such as pandas' Series."""
    is_pair = isinstance(data, (tuple, list)) and len(data) == 2

    return is_pair and hasattr(data[1], "to_numpy") and not hasattr(data[1], "columns")


def as_column(
    model: BayesianNetwork, x: Rows, y: Tensor | Observed
) -> Tensor | Observed:
    """Return targets (N,) as (N, 1) if the model needs these, else as they are.

    Arguments:
        model: The model.
        x: Inputs (N, ...).
        y: Targets (N,).
    """
    if isinstance(y, Observed) or _is_taken(model, x, y):
        return y

    with_one_output = y.unsqueeze(-1)

    return with_one_output if _is_taken(model, x, with_one_output) else y


def _is_taken(model: BayesianNetwork, x: Rows, y: Tensor) -> bool:
    """Return whether the model can have produced data."""
    try:
        checked(model, *on_device(model, x, y))
    except ValueError:
        return False

    return True
