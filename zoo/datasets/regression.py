"""A table of the user's with real targets as a data set."""

from __future__ import annotations

from typing import Any

from zoo.datasets.dataset import Dataset, Split, regression_dataset
from zoo.datasets.tables import columns, names_of, split_rows
from zoo.runtime.as_tensors import check_same_rows


def regression(X: Any, y: Any, test: float = 0.2, seed: int = 0) -> Dataset:
    r"""Table of inputs and real targets: split at random, standardised by the training part.

    .. math:: x \leftarrow (x - \text{loc}_x) / \text{scale}_x, \quad
              y \leftarrow (y - \text{loc}_y) / \text{scale}_y

    `data.in_original_units(prediction)` gives predictions in the units of y. A constant
    column keeps its scale.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato, Adams, 2015), the protocol of standardised regression targets

    Arguments:
        X: Inputs (N, D): an array, a tensor or a DataFrame, whose column names are kept.
        y: Targets (N,) or (N, O), of the same kinds or a Series. Those of the data set
            are (N, O).
        test: Share of the data in the test part.
        seed: Seed of the split.

    Raises:
        TypeError: Columns that are not numeric; the message names them.
        ValueError: Values that are missing or infinite; different numbers of inputs and
            targets, or different indices of tables; a share that leaves a part empty.

    Example:
        >>> datasets.regression(torch.randn(50, 3), torch.randn(50), test=0.2)
        Dataset('table', train=40, test=10, inputs=3, outputs=1, targets=standardised)
    """
    check_same_rows(X, y)
    whole = Split(columns("X", X), columns("y", y))
    train_rows, test_rows = split_rows(len(whole.x), len(whole.y), test, seed)

    return regression_dataset(
        "table",
        whole.take(train_rows),
        whole.take(test_rows),
        standardise=True,
        x_names=names_of(X),
        y_names=names_of(y),
    )
