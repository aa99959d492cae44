"""A column of a table as targets: those of one output are (N, 1), where a column is (N,)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from zoo.data.checks import Batch, checked, on_device
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.rows import Rows


def is_column(data: Any) -> bool:
    """Return whether the targets of a pair are a column of a table, such as pandas' Series."""
    if not is_pair(data):
        return False

    y = data[1]

    return hasattr(y, "to_numpy") and not hasattr(y, "columns")


def is_table(data: Any) -> bool:
    """Return whether data are a table with named columns, such as a DataFrame of pandas."""
    return hasattr(data, "columns") and hasattr(data, "to_numpy")


def is_pair(data: Any) -> bool:
    """Return whether data are a pair (x, y)."""
    return isinstance(data, (tuple, list)) and len(data) == 2


def with_column(model: BayesianNetwork, x: Rows, y: Tensor | Observed) -> Batch:
    """Return inputs and targets, those of a column as (N, 1) if the model needs these.

    Arguments:
        model: The model.
        x: Inputs (N, ...).
        y: Targets (N,).
    """
    if _is_taken(model, x, y):
        return x, y

    observed = Observed.of(y)
    if observed.y is None or observed.y.dim() != 1:
        return x, y

    column = observed.y.unsqueeze(-1)
    with_one_output = observed._replace(y=column) if isinstance(y, Observed) else column

    return x, with_one_output if _is_taken(model, x, with_one_output) else y


def _is_taken(model: BayesianNetwork, x: Rows, y: Tensor | Observed) -> bool:
    """Return whether the model can have produced data."""
    try:
        checked(model, *on_device(model, x, y))
    except ValueError:
        return False

    return True
