"""The test part of KMNIST: handwriting in the format of MNIST that is no digit."""

from pathlib import Path

import torch

from zoo.datasets.archive import arrays
from zoo.datasets.dataset import Split
from zoo.datasets.mnist import UNITS
from zoo.datasets.units import Units

SOURCE = "put kmnist-test-imgs.npz and kmnist-test-labels.npz of codh.rois.ac.jp/kmnist there"


def kmnist_test(path: str | Path, *, units: Units = UNITS) -> Split:
    r"""Cursive Japanese letters, 28 x 28 grey levels, 10,000 test images: inputs far from MNIST's.

    .. math:: x = (\text{pixel} / 255 - \text{loc}) / \text{scale}

    Standardised as MNIST is, so that a network for digits sees them as it would see one
    of its own; their ten classes are letters and no digits, so that it cannot be right.

    References:
        Deep Learning for Classical Japanese Literature (Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto, Ha, 2018),
        CC BY-SA 4.0

    Arguments:
        path: The folder that holds `kmnist-test-imgs.npz` and `kmnist-test-labels.npz`.
        units: loc and scale of the channel, (1, 1, 1); by default MNIST's, and
            `data.x_units` for another's.

    Raises:
        FileNotFoundError: A file is not there; the sentence says where to get it.
        ValueError: A file of something else.

    Example:
        >>> away = datasets.kmnist_test("data")  # doctest: +SKIP
        >>> posterior.predict(away.x).entropy.mean()  # doctest: +SKIP
        tensor(0.9)
    """
    pixels, labels = (
        torch.from_numpy(
            arrays(Path(path) / f"kmnist-test-{name}.npz", ("arr_0",), SOURCE)[0]
        )
        for name in ("imgs", "labels")
    )
    return Split(units.standardise(pixels.unsqueeze(1).float() / 255), labels.long())
