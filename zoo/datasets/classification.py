"""A table of the user's with labels as a data set."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.tables import columns, names_of, split_rows
from zoo.datasets.units import Units
from zoo.runtime.as_tensors import check_same_rows

_MANY = 20  # different real numbers that are hardly labels


def classification(X: Any, y: Any, test: float = 0.2, seed: int = 0) -> Dataset:
    r"""Table of inputs and labels: split at random, inputs standardised by the training part.

    .. math:: x \leftarrow (x - \text{loc}_x) / \text{scale}_x, \quad
              y = \text{classes}[\text{index}]

    Targets are class indices (N,), in the sorted order of the labels, which are
    `data.classes`.

    References:
        The Elements of Statistical Learning (Hastie, Tibshirani, Friedman, 2009), section 4.2

    Arguments:
        X: Inputs (N, D): an array, a tensor or a DataFrame, whose column names are kept.
        y: Labels (N,) of any kind, such as text or numbers: a list, an array, a tensor or
            a Series.
        test: Share of the data in the test part.
        seed: Seed of the split.

    Raises:
        TypeError: Columns that are not numeric, or labels that cannot be compared.
        ValueError: Values or labels that are missing; real numbers instead of labels; one
            class alone; different numbers of inputs and labels.

    Example:
        >>> data = datasets.classification(torch.randn(10, 3), ["cat", "dog"] * 5)
        >>> data, data.classes
        (Dataset('table', train=8, test=2, inputs=3, classes=2), ('cat', 'dog'))
    """
    check_same_rows(X, y)
    x = columns("X", X)
    classes, indices = _labels(y)
    whole = Split(x, indices)
    train_rows, test_rows = split_rows(len(x), len(indices), test, seed)

    x_units = Units.fit(x[train_rows])
    whole = Split(x_units.standardise(x).float(), indices)

    return Dataset(
        name="table",
        train=whole.take(train_rows),
        test=whole.take(test_rows),
        x_units=x_units.float(),
        classes=classes,
        x_names=names_of(X),
        y_names=names_of(y),
    )


def _labels(y: Any) -> tuple[tuple[Hashable, ...], Tensor]:
    """Return the classes in order, and the class index (N,) of each datum."""
    shape = tuple(getattr(y, "shape", (len(y),)))
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(
            f"the labels must have shape (N,), one for each datum, not {shape}; write "
            "y.argmax(-1) for one column of each class"
        )

    array = y.to_numpy() if hasattr(y, "to_numpy") else y
    labels = array.reshape(-1).tolist() if hasattr(array, "tolist") else list(array)
    for row, label in enumerate(labels):
        if label is None or label != label:
            raise ValueError(f"the label in row {row} is missing; remove such rows")

    try:
        classes = sorted(set(labels))
    except TypeError as error:
        raise TypeError(
            f"the labels must be of one kind that can be sorted, such as text: {error}"
        ) from error

    _refuse_no_labels(classes)
    places = {label: index for index, label in enumerate(classes)}

    return tuple(classes), torch.tensor([places[label] for label in labels])


def _refuse_no_labels(classes: list[Any]) -> None:
    """Refuse one class alone, and real numbers in the place of labels."""
    number = len(classes)
    if number < 2:
        raise ValueError(
            f"all labels are {classes[0]!r}, so there is nothing to classify"
            if classes
            else "there are no labels"
        )

    are_real = any(isinstance(label, float) and label % 1 for label in classes)
    if are_real and number > _MANY:
        raise ValueError(
            f"the labels are {number} different real numbers, which are hardly classes; write "
            "datasets.regression(X, y)"
        )
