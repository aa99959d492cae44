"""ECG5000: heart beats of one patient, a common data set of series in courses on uncertainty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from zoo.datasets.archive import load_arrays
from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.images import held_out

_NAMES = ("x_train", "y_train", "x_test", "y_test")
_LICENCE = "ODC-By 1.0, BIDMC Congestive Heart Failure Database, PhysioNet"
_SOURCE = (
    "put ECG5000 from www.timeseriesclassification.com there as one numpy archive, with series "
    "(N, 140) and labels 1 to 5: "
    "numpy.savez('ECG5000.npz', x_train=..., y_train=..., x_test=..., y_test=...)"
)


def ecg5000(
    path: str | Path, *, num_train: int | None = None, num_validation: int = 0
) -> Dataset:
    r"""Heart beats of 140 samples from one lead, five classes, 500 training and 4500 test series.

    .. math:: \tfrac{1}{140} \sum_t x_t = 0, \quad \tfrac{1}{139} \sum_t x_t^2 = 1

    In the files each series is already standardised by its own mean and standard
    deviation. Class 0 are normal beats; classes 3 and 4 are rare (2 and 0.5 % of the test
    part). The series of each part are the same in every call.

    References:
        A general framework for never-ending learning from time series streams (Chen, Hao,
        Rakthanmanon, Zakaria, Hu, Keogh, 2015), from record chf07 of the BIDMC Congestive Heart
        Failure Database
        The UCR Time Series Archive (Dau, Bagnall, Kamgar, Yeh, Zhu, Gharghabi, Ratanamahatana,
        Keogh, 2019)

    Arguments:
        path: The folder that holds `ECG5000.npz`, with arrays `x_train`, `y_train`,
            `x_test` and `y_test`.
        num_train: Size of the training part; by default all series that are not kept
            aside.
        num_validation: Number of training series kept aside as `data.validation`. They
            are the same for every training part.

    Raises:
        FileNotFoundError: The file is missing; the message says where to get it.
        ValueError: A file with other content, or parts that are larger than the data
            set.

    Example:
        >>> datasets.ecg5000("data", num_validation=100)  # doctest: +SKIP
        Dataset('ECG5000', train=400, validation=100, test=4500, inputs=1x140, classes=5)
    """
    file = Path(path) / "ECG5000.npz"
    x_train, y_train, x_test, y_test = load_arrays(file, _NAMES, _SOURCE)
    test = _series(x_test, y_test)

    whole = _series(x_train, y_train)
    used, aside = held_out(
        "training series of ECG5000", len(whole.x), num_train, num_validation
    )
    train = whole.take(used)

    validation = None
    if num_validation > 0:
        validation = whole.take(aside)

    return Dataset("ECG5000", train, test, validation=validation, licence=_LICENCE)


def _series(x: np.ndarray, y: np.ndarray) -> Split:
    """Return series (N, 1, 140) and class indices from 0, of arrays (N, 140) and labels from 1."""
    series = torch.from_numpy(x).float().unsqueeze(1)
    labels = torch.from_numpy(y).long() - 1
    return Split(series, labels)
