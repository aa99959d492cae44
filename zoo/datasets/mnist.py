"""MNIST: handwritten digits, the common test of small classifiers."""

from pathlib import Path

from zoo.datasets.dataset import Dataset
from zoo.datasets.images import Sizes, images, per_channel
from zoo.datasets.units import Units

UNITS = per_channel(
    [0.1307], [0.3081]
)  # mean and standard deviation of the training pixels
SOURCE = "put the four idx files of yann.lecun.com/exdb/mnist, unpacked, into MNIST/raw there"


def mnist(
    path: str | Path,
    *,
    num_train: int | None = None,
    num_validation: int = 0,
    num_test: int | None = None,
    units: Units = UNITS,
    download: bool = False,
) -> Dataset:
    r"""Handwritten digits, 28 x 28 grey levels, ten classes, 60,000 training and 10,000 test images.

    .. math:: x = (\text{pixel} / 255 - \text{loc}) / \text{scale}

    Which images go into a part is drawn once and for all; a smaller training part is a
    subset of a larger one.

    References:
        Gradient-based learning applied to document recognition (LeCun, Bottou, Bengio, Haffner, 1998)

    Arguments:
        path: The folder that holds `MNIST/raw` with its four idx files.
        num_train: Size of the training part; by default all that is not kept aside.
        num_validation: Training images kept aside as `data.validation`, the same
            whatever the training part.
        num_test: Size of the test part; all by default.
        units: loc and scale of each channel, (C, 1, 1); by default mean and standard
            deviation of the training pixels.
        download: Whether torchvision may fetch missing files.

    Raises:
        FileNotFoundError: The files are not there; the sentence says where to get them.
        ValueError: Parts that are larger than what there is.

    Example:
        >>> datasets.mnist("data", num_train=50_000, num_validation=10_000)  # doctest: +SKIP
        Dataset('MNIST', train=50000, validation=10000, test=10000, inputs=1x28x28, classes=10)
    """
    return images(
        "MNIST",
        path,
        Sizes(num_train, num_validation, num_test),
        units,
        download=download,
        source=SOURCE,
    )
