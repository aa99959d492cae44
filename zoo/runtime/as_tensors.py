"""Arrays, tables and lists as tensors: what users hold their data in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from zoo.runtime.rows import Rows

_NUMERIC = "biufc"  # kinds of NumPy's dtypes: bool, integers, floats, complex


def as_tensors(value: Any, name: str = "inputs") -> Rows:
    """Return data as tensors: a tensor, or a tuple or dict of them for several inputs.

    NumPy arrays, pandas' and polars' tables and columns, and lists of numbers become
    tensors. A tuple or list of anything else becomes a tuple, and a mapping a dict in
    the order of its keys.

    Arguments:
        value: The data.
        name: What they are, for the error message.

    Raises:
        TypeError: Something that is not numeric; the message names it.
        ValueError: A layout of tensors that has no rows: sparse, quantised, nested, or
            without data.
    """
    if isinstance(value, PackedSequence):
        raise TypeError(
            f"the {name} are a PackedSequence, which has no row for each datum; give padded "
            "tensors and their lengths, and pack them in forward"
        )

    if isinstance(value, Tensor):
        return _checked_layout(value, name)

    if isinstance(value, Mapping):
        keys = sorted(value, key=str)
        return {key: as_tensors(value[key], f"{name}[{key!r}]") for key in keys}

    if hasattr(value, "to_numpy"):
        return _of_array(_array_of_table(value, name), name)

    if isinstance(value, (list, tuple)) and not _is_of_numbers(value):
        parts = [as_tensors(part, f"{name}[{n}]") for n, part in enumerate(value)]
        is_named = hasattr(value, "_fields")
        return type(value)(*parts) if is_named else tuple(parts)

    is_array = hasattr(value, "__array__") or isinstance(value, (list, tuple))
    if not is_array:
        family = type(value).__name__
        raise TypeError(
            f"the {name} must be a tensor, not {family}; write torch.as_tensor(...)"
        )

    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(
            f"the {name} are rows of different lengths; pad them to one length"
        ) from error

    return _of_array(array, name)


def _checked_layout(tensor: Tensor, name: str) -> Tensor:
    """Refuse tensors whose rows cannot be taken."""
    remedy = ""
    if tensor.is_nested:
        remedy = "nested; write torch.nested.to_padded_tensor(x, 0.0)"
    elif tensor.layout != torch.strided:
        remedy = "sparse; write x.to_dense()"
    elif tensor.is_quantized:
        remedy = "quantised; write x.dequantize()"
    elif tensor.is_complex() and name == "targets":
        remedy = "complex; write torch.view_as_real(y)"
    elif tensor.is_meta:
        remedy = "on the device 'meta', without values; give tensors that have values"

    if remedy:
        raise ValueError(f"the {name} are {remedy}")

    return tensor


def _is_of_numbers(value: list | tuple) -> bool:
    """Return whether a list holds numbers, or lists of numbers, which make one tensor."""
    element: Any = value
    while isinstance(element, (list, tuple)):
        if not element:
            return True

        element = element[0]

    return isinstance(element, (bool, int, float, complex, np.generic))


def _of_array(array: np.ndarray, name: str) -> Tensor:
    """Return a copy of an array as a tensor, or refuse what is not numeric."""
    if array.dtype.kind not in _NUMERIC:
        raise TypeError(
            f"the {name} are of dtype {array.dtype}, which is not numeric; encode them as numbers"
        )

    dtype = array.dtype.newbyteorder("=")
    if dtype.kind == "u" and dtype.itemsize > 1:  # which torch hardly computes with
        dtype = np.dtype(np.int64)
    elif dtype == np.longdouble:
        dtype = np.dtype(np.float64)

    return torch.from_numpy(np.array(array, dtype=dtype, order="C"))


def _array_of_table(table: Any, name: str) -> np.ndarray:
    """Return a table or a column as an array, or refuse columns that are not numeric."""
    array = table.to_numpy()
    if array.dtype.kind in _NUMERIC or not hasattr(table, "astype"):
        return array

    others = not_numeric(table)
    if others:
        listed = ", ".join(map(repr, others))
        raise TypeError(
            f"the {name} have columns that are not numeric: {listed}; encode them as numbers or "
            "drop them"
        )

    return table.astype("float64").to_numpy()  # e.g. truth values beside floats


def check_same_rows(x: Any, y: Any) -> None:
    """Refuse two pandas tables of equal length whose rows have different indices.

    Arguments:
        x: Inputs.
        y: Targets.

    Raises:
        ValueError: They differ, so that a row of one is not the datum of the other.
    """
    if not (hasattr(x, "iloc") and hasattr(y, "iloc")) or len(x) != len(y):
        return

    if not x.index.equals(y.index):
        raise ValueError(
            "the rows of the inputs and of the targets have different indices; write "
            "y.loc[X.index], or reset_index(drop=True) of both if they are in one order"
        )


def not_numeric(table: Any) -> list[Any]:
    """Return the names of the columns of a pandas table that are not numeric."""
    if not hasattr(table, "columns"):
        return [] if table.dtype.kind in _NUMERIC else [table.name]

    return [
        column
        for column, dtype in zip(table.columns, table.dtypes, strict=True)
        if dtype.kind not in _NUMERIC
    ]
