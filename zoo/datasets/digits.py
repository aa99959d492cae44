"""The handwritten digits of scikit-learn: images without a download."""

from __future__ import annotations

import numpy as np
import torch

from zoo.datasets.dataset import Dataset, Split

_LICENCE = "CC BY 4.0, Alpaydin and Kaynak (1998), UCI"
_NUM_TEST = 360  # a fifth of 1797


def digits(flatten: bool = False) -> Dataset:
    r"""Handwritten digits, 8 x 8 grey levels, ten classes, 1437 training and 360 test images.

    .. math:: x = \text{count of inked pixels in a } 4 \times 4 \text{ block} / 16 \in [0, 1]

    The split is fixed and stratified: each class has the same share in both parts. It is
    not UCI's split by writer, so that test images are by writers of the training part.

    References:
        Methods of Combining Multiple Classifiers and Their Applications to Handwritten Digit
        Recognition (Kaynak, 1995); UCI, Optical Recognition of Handwritten Digits (Alpaydin and
        Kaynak, 1998), CC BY 4.0

    Arguments:
        flatten: Whether images are rows (N, 64) instead of (N, 1, 8, 8).

    Example:
        >>> from zoo import datasets
        >>> datasets.digits()
        Dataset('digits', train=1437, test=360, inputs=1x8x8, classes=10)
        >>> datasets.digits(flatten=True).train.x.shape
        torch.Size([1437, 64])
    """
    from sklearn.datasets import load_digits  # here, because it is slow to import

    images, labels = load_digits(return_X_y=True)

    x = torch.from_numpy(images / 16.0).float()  # (N, 64), from counts 0..16
    y = torch.from_numpy(labels.astype(np.int64))
    if not flatten:
        x = x.reshape(-1, 1, 8, 8)

    whole = Split(x, y)
    train_rows, test_rows = _stratified(labels)

    train, test = whole.take(train_rows), whole.take(test_rows)
    return Dataset("digits", train, test, licence=_LICENCE)


def _stratified(labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the row numbers of the training and of the test part; the seed is fixed."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    train, test = train_test_split(
        rows, test_size=_NUM_TEST, stratify=labels, random_state=0
    )

    return torch.from_numpy(train), torch.from_numpy(test)
