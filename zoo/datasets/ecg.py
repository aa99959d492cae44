"""ECG5000: heart beats of one patient, the series on which networks with uncertainty are taught."""

from pathlib import Path

import numpy as np
import torch

from zoo.datasets.archive import arrays
from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.images import held_out

NAMES = ("x_train", "y_train", "x_test", "y_test")
SOURCE = (
    "put ECG5000 of www.timeseriesclassification.com there as one numpy archive, series (N, 140) and labels 1 to 5: "
    "numpy.savez('ECG5000.npz', x_train=..., y_train=..., x_test=..., y_test=...)"
)


def ecg5000(
    path: str | Path, *, num_train: int | None = None, num_validation: int = 0
) -> Dataset:
    r"""Heart beats of 140 samples from one lead, five classes, 500 training and 4500 test series.

    .. math:: \tfrac{1}{140} \sum_t x_t = 0, \quad \tfrac{1}{139} \sum_t x_t^2 = 1

    Every series comes standardised by itself. Class 0 are normal beats; classes 3 and 4
    are rare (2 and 0.5 % of the test part). Which series go into a part is drawn once
    and for all.

    References:
        A general framework for never-ending learning from time series streams (Chen, Hao, Rakthanmanon, Zakaria, Hu,
        Keogh, 2015), from record chf07 of the BIDMC Congestive Heart Failure Database
        The UCR Time Series Archive (Dau, Bagnall, Kamgar, Yeh, Zhu, Gharghabi, Ratanamahatana, Keogh, 2019)

    Arguments:
        path: The folder that holds `ECG5000.npz`, with arrays `x_train`, `y_train`,
            `x_test` and `y_test`.
        num_train: Size of the training part; by default all that is not kept aside.
        num_validation: Training series kept aside as `data.validation`, the same
            whatever the training part.

    Raises:
        FileNotFoundError: The file is not there; the sentence says where to get it.
        ValueError: A file of something else, or parts that are larger than what there
            is.

    Example:
        >>> datasets.ecg5000("data", num_validation=100)  # doctest: +SKIP
        Dataset('ECG5000', train=400, validation=100, test=4500, inputs=1x140, classes=5)
    """
    x, y, *test = arrays(Path(path) / "ECG5000.npz", NAMES, SOURCE)
    whole = series(x, y)
    rows, aside = held_out(
        "training series of ECG5000", len(whole.x), num_train, num_validation
    )
    validation = Split(whole.x[aside], whole.y[aside]) if num_validation else None
    return Dataset(
        "ECG5000",
        Split(whole.x[rows], whole.y[rows]),
        series(*test),
        validation=validation,
    )


def series(x: np.ndarray, y: np.ndarray) -> Split:
    """Return series (N, 1, 140) and class indices from 0, of arrays (N, 140) and labels from 1."""
    return Split(
        torch.from_numpy(x).float().unsqueeze(1), torch.from_numpy(y).long() - 1
    )
