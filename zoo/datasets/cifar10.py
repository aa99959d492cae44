"""CIFAR-10: small colour photographs of ten kinds of things."""

from pathlib import Path

from zoo.datasets.dataset import Dataset
from zoo.datasets.images import Sizes, images, per_channel
from zoo.datasets.units import Units

UNITS = per_channel(
    [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
)  # mean and standard deviation of the training pixels
SOURCE = "unpack cifar-10-python.tar.gz of www.cs.toronto.edu/~kriz/cifar.html there"


def cifar10(
    path: str | Path,
    *,
    num_train: int | None = None,
    num_validation: int = 0,
    num_test: int | None = None,
    units: Units = UNITS,
    download: bool = False,
) -> Dataset:
    r"""Photographs, 3 x 32 x 32, ten classes, 50,000 training and 10,000 test images.

    .. math:: x = (\text{pixel} / 255 - \text{loc}) / \text{scale}

    Which images go into a part is drawn once and for all; a smaller training part is a
    subset of a larger one.

    References:
        Learning Multiple Layers of Features from Tiny Images (Krizhevsky, 2009)

    Arguments:
        path: The folder that holds `cifar-10-batches-py`, whose files torchvision
            checks by their sums.
        num_train: Size of the training part; by default all that is not kept aside.
        num_validation: Training images kept aside as `data.validation`, the same
            whatever the training part.
        num_test: Size of the test part; all by default.
        units: loc and scale of each channel, (C, 1, 1); by default mean and standard
            deviation of the training pixels; `zoo.datasets.images.IMAGENET` for
            networks that were trained with those.
        download: Whether torchvision may fetch missing files.

    Raises:
        FileNotFoundError: The files are not there; the sentence says where to get them.
        ValueError: Parts that are larger than what there is.

    Example:
        >>> datasets.cifar10("data", units=IMAGENET, num_test=1_000)  # doctest: +SKIP
        Dataset('CIFAR10', train=50000, test=1000, inputs=3x32x32, classes=10)
    """
    return images(
        "CIFAR10",
        path,
        Sizes(num_train, num_validation, num_test),
        units,
        download=download,
        source=SOURCE,
    )
