"""CIFAR-10: small colour photographs of ten classes of things."""

from __future__ import annotations

from pathlib import Path

from zoo.datasets.dataset import Dataset
from zoo.datasets.images import Sizes, load_images, per_channel
from zoo.datasets.units import Units

# Mean and standard deviation of the training pixels.
CHANNELS = per_channel([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616])
_SOURCE = "unpack cifar-10-python.tar.gz from www.cs.toronto.edu/~kriz/cifar.html there"


def cifar10(
    path: str | Path,
    *,
    num_train: int | None = None,
    num_validation: int = 0,
    num_test: int | None = None,
    units: Units = CHANNELS,
    download: bool = False,
) -> Dataset:
    r"""Colour photographs, 32 x 32 pixels, ten classes.

    There are 50,000 training images and 10,000 test images.

    .. math:: x = (\text{pixel} / 255 - \text{loc}) / \text{scale}

    The images of each part are the same in every call; a smaller training part is a
    subset of a larger one.

    References:
        Learning Multiple Layers of Features from Tiny Images (Krizhevsky, 2009)

    Arguments:
        path: The folder that holds `cifar-10-batches-py`; torchvision verifies the
            checksums of its files.
        num_train: Size of the training part; by default all images that are not kept
            aside.
        num_validation: Number of training images kept aside as `data.validation`. They
            are the same for every training part.
        num_test: Size of the test part; all by default.
        units: loc and scale of each channel, (C, 1, 1); by default mean and standard
            deviation of the training pixels. Take `zoo.datasets.images.IMAGENET` for
            networks that were trained with it.
        download: Whether torchvision may download missing files.

    Raises:
        FileNotFoundError: Files are missing; the message says where to get them.
        ValueError: Parts that are larger than the data set.

    Example:
        >>> datasets.cifar10("data", units=IMAGENET, num_test=1_000)  # doctest: +SKIP
        Dataset('CIFAR10', train=50000, test=1000, inputs=3x32x32, classes=10)
    """
    return load_images(
        "CIFAR10",
        path,
        Sizes(train=num_train, validation=num_validation, test=num_test),
        units,
        download=download,
        source=_SOURCE,
    )
