"""A reference as tables of text: draws of functions and of weights, inputs, data, the card."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zoo.references.card import card
from zoo.references.exports.variables import (
    Variables,
    columns_of,
    function_variables,
    weight_variables,
)
from zoo.references.reference import Reference
from zoo.runtime.files.atomic import atomically


def write_csv(reference: Reference, folder: Path) -> list[Path]:
    """Write the tables of a reference, and return their paths.

    `NAME.functions.csv` and `NAME.weights.csv` have columns `chain` and `draw`, counted
    from 1, and one for each variable; `NAME.inputs.csv`, `NAME.train.csv` and
    `NAME.test.csv` have a row for each input.

    Arguments:
        reference: The reference.
        folder: The folder, which exists.
    """
    inputs = columns_of("x", reference.inputs)
    inputs["away"] = reference.away.cpu().numpy().astype(int)
    data = reference.data
    tables = {
        "functions": _with_places(function_variables(reference)),
        "weights": _with_places(weight_variables(reference)),
        "inputs": inputs,
        "train": columns_of("x", data.train.x) | columns_of("y", data.train.y),
        "test": columns_of("x", data.test.x) | columns_of("y", data.test.y),
    }

    paths = []
    for name, columns in tables.items():
        path = folder / f"{reference.name}.{name}.csv"
        _write(path, columns)
        paths.append(path)

    path = folder / f"{reference.name}.md"
    with atomically(path) as new:
        new.write_text(card(reference), encoding="utf-8")

    return [*paths, path]


def _with_places(variables: Variables) -> Variables:
    """Return variables (C, S) as columns (C S,), after those of chain and draw."""
    first = next(iter(variables.values()))
    chains, draws = np.indices(first.shape)
    columns = {"chain": chains.ravel() + 1, "draw": draws.ravel() + 1}
    for name, values in variables.items():
        columns[name] = values.ravel()

    return columns


def _write(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns of equal length; numbers have the digits that give the float32 back."""
    texts = [_texts(values) for values in columns.values()]
    with atomically(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*texts, strict=True))


def _texts(values: np.ndarray) -> list[str]:
    """Return numbers as text."""
    if values.dtype.kind == "f":
        return [f"{value:.9g}" for value in values]

    return [str(value) for value in values]
