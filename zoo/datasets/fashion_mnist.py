"""Fashion-MNIST: clothes in the format of MNIST, and harder to classify."""

from __future__ import annotations

from pathlib import Path

from zoo.datasets.dataset import Dataset
from zoo.datasets.images import Sizes, load_images, per_channel
from zoo.datasets.units import Units

# Mean and standard deviation of the training pixels.
UNITS = per_channel([0.2860], [0.3530])
_SOURCE = (
    "put the four unpacked idx files from the Debian package dataset-fashion-mnist into "
    "FashionMNIST/raw there"
)


def fashion_mnist(
    path: str | Path,
    *,
    num_train: int | None = None,
    num_validation: int = 0,
    num_test: int | None = None,
    units: Units = UNITS,
    download: bool = False,
) -> Dataset:
    r"""Clothes, 28 x 28 grey levels, ten classes.

    There are 60,000 training images and 10,000 test images.

    .. math:: x = (\text{pixel} / 255 - \text{loc}) / \text{scale}

    The images of each part are the same in every call; a smaller training part is a
    subset of a larger one.

    References:
        Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms (Xiao,
        Rasul, Vollgraf, 2017)

    Arguments:
        path: The folder that holds `FashionMNIST/raw` with its four idx files.
        num_train: Size of the training part; by default all images that are not kept
            aside.
        num_validation: Number of training images kept aside as `data.validation`. They
            are the same for every training part.
        num_test: Size of the test part; all by default.
        units: loc and scale of each channel, (C, 1, 1); by default mean and standard
            deviation of the training pixels.
        download: Whether torchvision may download missing files.

    Raises:
        FileNotFoundError: Files are missing; the message says where to get them.
        ValueError: Parts that are larger than the data set.

    Example:
        >>> datasets.fashion_mnist("data", num_train=5_000)  # doctest: +SKIP
        Dataset('FashionMNIST', train=5000, test=10000, inputs=1x28x28, classes=10)
    """
    return load_images(
        "FashionMNIST",
        path,
        Sizes(train=num_train, validation=num_validation, test=num_test),
        units,
        download=download,
        source=_SOURCE,
    )
