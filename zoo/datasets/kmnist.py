"""The test part of KMNIST: handwritten letters in the format of MNIST."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from zoo.datasets.archive import load_arrays
from zoo.datasets.dataset import Split
from zoo.datasets.mnist import UNITS
from zoo.datasets.units import Units

_SOURCE = "put kmnist-test-imgs.npz and kmnist-test-labels.npz from codh.rois.ac.jp/kmnist there"


def kmnist_test(path: str | Path, *, units: Units = UNITS) -> Split:
    r"""Cursive Japanese letters, 28 x 28, 10,000 test images: out of distribution for MNIST.

    .. math:: x = (\text{pixel} / 255 - \text{loc}) / \text{scale}

    By default images are standardised as MNIST is, so that a network for digits gets
    them in its own units. Their ten classes are letters and not digits, so that every
    prediction of such a network is wrong.

    References:
        Deep Learning for Classical Japanese Literature (Clanuwat, Bober-Irizar, Kitamoto, Lamb,
        Yamamoto, Ha, 2018), CC BY-SA 4.0

    Arguments:
        path: The folder that holds `kmnist-test-imgs.npz` and `kmnist-test-labels.npz`.
        units: loc and scale of the channel, (1, 1, 1); MNIST's by default. For another
            data set take its `data.x_units`.

    Raises:
        FileNotFoundError: A file is missing; the message says where to get it.
        ValueError: A file with other content.

    Example:
        >>> letters = datasets.kmnist_test("data")  # doctest: +SKIP
        >>> posterior.predict(letters.x).entropy.mean()  # doctest: +SKIP
        tensor(0.9)
    """
    pixels = _load(path, "kmnist-test-imgs.npz")  # uint8, (N, 28, 28)
    labels = _load(path, "kmnist-test-labels.npz")  # uint8, (N,)
    x = units.standardise(pixels.unsqueeze(1).float() / 255)

    return Split(x, labels.long())


def _load(path: str | Path, name: str) -> Tensor:
    [array] = load_arrays(Path(path) / name, ("arr_0",), _SOURCE)
    return torch.from_numpy(array)
