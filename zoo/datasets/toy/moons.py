"""The moons toy: two interlocking half circles, from scikit-learn."""

from __future__ import annotations

import numpy as np
import torch

from zoo.datasets.dataset import ARTIFICIAL, Dataset, Split
from zoo.datasets.toy.sizes import check_scales, check_sizes


def moons(
    num_data: int = 200, noise: float = 0.2, num_test: int = 1000, seed: int = 0
) -> Dataset:
    r"""Two interlocking half circles, two inputs, two classes.

    .. math:: x = (\cos t, \sin t) + \epsilon \ \text{or} \
              x = (1 - \cos t, \tfrac{1}{2} - \sin t) + \epsilon, \quad
              \epsilon \sim N(0, \text{noise}^2 I), \quad t \in [0, \pi]

    Test points are new draws from the same distribution. They are no grid, because a
    grid has no labels.

    References:
        Scikit-learn: Machine Learning in Python (Pedregosa et al., 2011), `make_moons`

    Arguments:
        num_data: Number N of training points; inputs are (N, 2), labels (N,) int64, 0
            or 1.
        noise: Standard deviation of the noise of each coordinate, not its variance.
        num_test: Number of test points.
        seed: Seed of a generator of its own; the global generators are not used.

    Raises:
        ValueError: num_data or num_test is below 1, or noise is not positive.

    Example:
        >>> from zoo import datasets
        >>> datasets.toy.moons()
        Dataset('moons', train=200, test=1000, inputs=2, classes=2)
    """
    check_sizes(num_data=num_data, num_test=num_test)
    check_scales(noise=noise)

    random = np.random.RandomState(seed)
    train = _draw(num_data, noise, random)
    test = _draw(num_test, noise, random)

    return Dataset("moons", train, test, licence=ARTIFICIAL)


def _draw(num_data: int, noise: float, random: np.random.RandomState) -> Split:
    from sklearn.datasets import make_moons  # here, because it is slow to import

    x, y = make_moons(num_data, noise=noise, random_state=random)
    labels = y.astype(np.int64)

    return Split(torch.from_numpy(x).float(), torch.from_numpy(labels))
