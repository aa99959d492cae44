"""Tables of the user's: their columns as numbers, their names, and a random split."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from zoo.runtime.as_tensors import as_tensors, not_numeric


def columns(name: str, table: Any) -> Tensor:
    """Return a table as columns (N, D) in float64, or refuse what is no number."""
    others = (
        not_numeric(table) if hasattr(table, "astype") and _is_pandas(table) else []
    )
    if others:
        listed = ", ".join(map(repr, others))
        raise TypeError(
            f"{name} has columns that are not numeric: {listed}; write "
            f"pandas.get_dummies({name}, dtype=float), which makes a column of each category, or "
            "drop them"
        )

    values = as_tensors(table, name)
    if not isinstance(values, Tensor):
        raise TypeError(
            f"{name} must be one table, such as an array (N, D), not {type(table).__name__}"
        )

    if values.dim() == 0:
        raise ValueError(f"{name} must have a row for each datum, not one number")

    if values.is_complex():
        raise TypeError(
            f"{name} is complex; give its real and imaginary parts as columns"
        )

    values = values.double()
    if values.dim() == 1:
        values = values.unsqueeze(-1)

    _refuse_missing(name, values, names_of(table))

    return values


def _refuse_missing(name: str, values: Tensor, names: tuple[str, ...] | None) -> None:
    """Refuse values that are missing or infinite; name the first row and column."""
    wrong = ~torch.isfinite(values)
    if not bool(wrong.any()):
        return

    row, column, *_ = wrong.nonzero()[0].tolist()
    place = repr(names[column]) if names else str(column)
    raise ValueError(
        f"{name} has a value that is missing or infinite, the first in row {row}, column "
        f"{place}; remove such rows, or impute the values"
    )


def split_rows(
    num_inputs: int, num_targets: int, test: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Return the rows of the training and of the test part."""
    if num_inputs != num_targets:
        raise ValueError(
            f"give as many rows of X as of y, not {num_inputs} and {num_targets}"
        )

    if not 0 < test < 1:
        raise ValueError(
            f"test is the share of the data in the test part, between 0 and 1, not {test}"
        )

    num_test = math.ceil(test * num_inputs - 1e-9)
    if num_inputs - num_test < 1:
        raise ValueError(
            f"test={test} of {num_inputs} data leaves none to train on; give more data"
        )

    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(num_inputs, generator=generator)

    return order[num_test:], order[:num_test]


def _is_pandas(table: Any) -> bool:
    """Return whether a value is a table or a column of pandas."""
    return hasattr(table, "iloc")


def names_of(table: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of a table, None if it has none."""
    if hasattr(table, "columns"):
        return tuple(map(str, table.columns))

    name = getattr(table, "name", None)

    return (str(name),) if _is_pandas(table) and name is not None else None


def by_names(names: tuple[str, ...] | None, table: Any) -> Any:
    """Return a table with the columns of these names, in their order.

    Arguments:
        names: Names of the columns; None leaves the table as it is.
        table: A table; an array, which has no names, is returned as it is.

    Raises:
        ValueError: A column is missing.
    """
    own = getattr(table, "columns", None)
    if names is None or own is None:
        return table

    by_name = {str(column): column for column in own}
    missing = [name for name in names if name not in by_name]
    if missing:
        listed = ", ".join(map(repr, missing))
        raise ValueError(
            f"X lacks the column(s) {listed}; its columns are {', '.join(by_name)}"
        )

    return table[[by_name[name] for name in names]]
