"""CIFAR-10H: what about fifty people call each test image of CIFAR-10."""

from __future__ import annotations

from pathlib import Path

import torch

from zoo.datasets.archive import load_arrays
from zoo.datasets.cifar10 import CHANNELS, cifar10
from zoo.datasets.dataset import Split
from zoo.datasets.units import Units

_NUM_CLASSES = 10
_SOURCE = (
    "put the counts of github.com/jcpeterson/cifar-10h there, in the order of the test images: "
    "numpy.savez('cifar10h.npz', counts=numpy.load('cifar10h-counts.npy'))"
)


def cifar10h(
    path: str | Path, *, images: str | Path | None = None, units: Units = CHANNELS
) -> Split:
    r"""The 10,000 test images of CIFAR-10, and how many of about 51 people named each class.

    .. math:: y_{nk} = \text{number of people who say that image } n \text{ is of class } k

    There are 47 to 63 people for an image. The class that most of them name is CIFAR-10's
    label of 99.2 % of the images. The labels themselves are `datasets.cifar10(path).test.y`,
    in the same order.

    References:
        Human uncertainty makes classification more robust (Peterson, Battleday, Griffiths,
        Russakovsky, 2019), CC BY-NC-SA 4.0

    Arguments:
        path: The folder that holds `cifar10h.npz`, with an array `counts` (10000, 10).
        images: The folder that holds `cifar-10-batches-py`; `path` by default.
        units: loc and scale of each channel, (C, 1, 1), as of `datasets.cifar10`.

    Returns:
        Images (10000, 3, 32, 32) and counts (10000, 10), int64.

    Raises:
        FileNotFoundError: The counts or the images are missing; the message says where to
            get them.
        ValueError: A file with other content.

    Example:
        >>> images, counts = datasets.cifar10h("data")  # doctest: +SKIP
        >>> people = counts / counts.sum(-1, keepdim=True)  # doctest: +SKIP
    """
    file = Path(path) / "cifar10h.npz"
    [array] = load_arrays(file, ("counts",), _SOURCE)
    folder = path if images is None else images
    x, _ = cifar10(folder, num_train=1, units=units).test

    counts = torch.from_numpy(array.astype("int64"))
    expected = (len(x), _NUM_CLASSES)
    if tuple(counts.shape) != expected:
        raise ValueError(
            f"counts in {str(file)!r} have shape {tuple(counts.shape)}, not {expected}, a number "
            f"of people for each test image and class; {_SOURCE}"
        )

    return Split(x, counts)
