"""A data set of classes whose training part is given a long tail: each class is rarer."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset


def long_tailed(
    data: Dataset,
    ratio: float = 100.0,
    *,
    largest: int | None = None,
    seed: int = 0,
) -> Dataset:
    r"""Thin the classes of a training part, so that their counts fall exponentially.

    .. math:: n_c = \lfloor n_0 \, \text{ratio}^{-c / (C - 1)} \rfloor, \quad c = 0 .. C - 1

    Class 0 has the most data, the last class the fewest. Validation and test part stay as
    they are.

    References:
        Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss (Cao, Wei,
        Gaidon, Arechiga, Ma, 2019)
        Class-Balanced Loss Based on Effective Number of Samples (Cui, Jia, Lin, Song,
        Belongie, 2019)

    Arguments:
        data: A data set of two or more classes.
        ratio: Count of the first class divided by that of the last one, at least 1.
        largest: Count n_0 of the first class; by default as many as the data allow.
        seed: Seed of the choice of data.

    Raises:
        ValueError: A ratio below 1, a data set without classes, or a class with too few
            data.

    Example:
        >>> data = datasets.long_tailed(datasets.digits(), ratio=10)
        >>> data.train.y.bincount().tolist()
        [142, 109, 85, 65, 51, 39, 30, 23, 18, 14]
    """
    if not 1 <= ratio < float("inf"):
        raise ValueError(
            f"ratio must be at least 1 and finite, not {ratio}; write the count of the first "
            "class divided by that of the last one, such as 100"
        )

    counts = _thinned(data, ratio, largest)
    random = torch.Generator().manual_seed(seed)
    chosen = []
    for label, count in enumerate(counts):
        rows = (data.train.y == label).nonzero().squeeze(-1)
        order = torch.randperm(len(rows), generator=random)
        chosen.append(rows[order[:count]])

    kept = torch.cat(chosen).sort().values

    return replace(data, name=f"{data.name}-LT", train=data.train.take(kept))


def _thinned(data: Dataset, ratio: float, largest: int | None) -> list[int]:
    """Return the count of each class.

    Raises:
        ValueError: A data set without classes, or a class with too few data.
    """
    present = _counts(data)
    steps = torch.arange(len(present)) / (len(present) - 1)
    shares = ratio ** -steps.double()  # of the count of the first class
    first = int((present / shares).min()) if largest is None else largest

    wanted = (first * shares + 1e-9).long()  # a rounding error loses no datum
    for label, (count, available) in enumerate(zip(wanted, present, strict=True)):
        if not 1 <= count <= available:
            raise ValueError(
                f"class {label} of {data.name!r} has {available} data, but largest={first} and "
                f"ratio={ratio:g} ask for {count}; write another largest or a smaller ratio, so "
                "that every class has at least one"
            )

    return wanted.tolist()


def _counts(data: Dataset) -> Tensor:
    """Return the number of training data of each class, (C,).

    Raises:
        ValueError: A data set without two classes.
    """
    y = data.train.y
    if data.y_units is not None or y.is_floating_point():
        raise ValueError(
            f"data set {data.name!r} has real targets, which have no tail of rare classes; give "
            "one with class indices, such as datasets.digits()"
        )

    present = y.bincount(minlength=len(data.classes or ()))
    if len(present) < 2:
        raise ValueError(
            f"data set {data.name!r} has {len(present)} class, and a tail needs two or more"
        )

    return present
