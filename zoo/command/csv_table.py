"""A table in a CSV file as a data set."""

from __future__ import annotations

import argparse
import csv
import difflib
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.datasets import Dataset, classification, regression

_NO_VALUE = {"", "na", "nan", "null", "none", "?"}


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a CSV file."""
    add = parser.add_argument
    add(
        "--target",
        default=argparse.SUPPRESS,
        metavar="COLUMN",
        help="the column of a CSV file to predict",
    )
    add(
        "--task",
        choices=["regression", "classification"],
        default=argparse.SUPPRESS,
        help="by default regression if the target of a CSV file is numeric",
    )


def load_csv(path: str, target: str | None, task: str | None, seed: int = 0) -> Dataset:
    """Read a CSV file with a header as a data set.

    Arguments:
        path: The file; its columns are separated by commas, semicolons or tabs.
        target: Name of the column to predict.
        task: "regression" or "classification"; by default the first if the target is
            numeric.
        seed: Seed of the split into training and test part.

    Raises:
        ValueError: A file without rows, another column, or columns that are not numeric;
            the message names them.
    """
    header, rows = _read(Path(path))
    if target is None:
        raise ValueError(
            f"say which column of {path} to predict, --target COLUMN; they are {_listed(header)}"
        )

    if target not in header:
        nearest = difflib.get_close_matches(target, header, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"{path} has no column {target!r}; the nearest is {nearest!r} (all: {_listed(header)})"
        )

    of_columns = zip(header, zip(*rows, strict=True), strict=True)
    columns: dict[str, Sequence[str]] = dict(of_columns)
    labels = columns.pop(target)
    if not columns:
        raise ValueError(f"{path} has no column besides the target {target!r}")

    _refuse_missing(path, {**columns, target: labels})
    x = _numbers(path, columns)
    is_numeric = all(map(_is_number, labels))
    if task == "regression" and not is_numeric:
        raise ValueError(
            f"column {target!r} of {path} is not numeric; write --task classification"
        )

    is_regression = is_numeric if task is None else task == "regression"
    if is_regression:
        data = regression(x, np.array(labels, dtype=float), seed=seed)
    else:
        data = classification(x, list(labels), seed=seed)

    name = Path(path).stem
    return replace(data, name=name, x_names=tuple(columns), y_names=(target,))


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a file."""
    if not path.is_file():
        raise ValueError(
            f"there is no file {path}; give a CSV file, or one of the names"
        )

    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}; convert it") from error

    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    lines = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if len(lines) < 2:
        raise ValueError(f"{path} has no rows; give a header and a row for each datum")

    header = [name.strip() for name in lines[0]]
    if len(set(header)) < len(header) or all(map(_is_number, header)):
        raise ValueError(
            f"the first line of {path} must name the columns, each by another name, not "
            f"{_listed(header)}"
        )

    for number, row in enumerate(lines[1:], start=1):
        if len(row) != len(header):
            raise ValueError(
                f"row {number} of {path} has {len(row)} values, but the header has {len(header)}"
            )

    return header, [[value.strip() for value in row] for row in lines[1:]]


def _refuse_missing(path: str, columns: dict[str, Sequence[str]]) -> None:
    """Refuse values that are missing, and name the first."""
    for name, values in columns.items():
        for number, value in enumerate(values, start=1):
            if value.lower() in _NO_VALUE:
                raise ValueError(
                    f"{path} has no value in row {number}, column {name!r}; remove such rows, or "
                    "impute the values"
                )


def _numbers(path: str, columns: dict[str, Sequence[str]]) -> np.ndarray:
    """Return columns of text as numbers (N, D), or refuse those that are none."""
    others = [
        name for name, values in columns.items() if not all(map(_is_number, values))
    ]
    if others:
        raise ValueError(
            f"{path} has columns that are not numeric: {_listed(others)}; encode them as numbers, "
            "or drop them"
        )

    return np.array(list(columns.values()), dtype=float).T


def _is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _listed(names: Sequence[str]) -> str:
    """Write names in quotes."""
    return ", ".join(map(repr, names))
