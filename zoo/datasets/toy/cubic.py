"""The cubic toy: twenty noisy points of x^3, and a grid that reaches beyond them."""

from __future__ import annotations

from torch import Tensor

from zoo.datasets.dataset import Dataset
from zoo.datasets.toy.curve import noisy_curve, standard_draws
from zoo.datasets.toy.sizes import check_scales, check_sizes


def cubic(
    num_data: int = 20, noise: float = 3.0, standardise: bool = False, seed: int = 0
) -> Dataset:
    r"""Noisy cubic on [-4, 4]; on [-6, 6] the epistemic uncertainty beyond the data can be seen.

    .. math:: y = x^3 + \epsilon, \quad \epsilon \sim N(0, \text{noise}^2), \quad
              x \sim \text{Uniform}(-4, 4)

    The test part is a grid of 121 inputs on [-6, 6] with noise-free targets. It is for
    plots and errors of the mean, not for a log density of new measurements.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015), section 5.1

    Arguments:
        num_data: Number N of training points; inputs and targets are (N, 1).
        noise: Standard deviation of the noise in original units, not its variance.
        standardise: Whether x and y are standardised by the training part.
        seed: Seed of a generator of its own; the global generator is not used.

    Raises:
        ValueError: num_data is below 1, or noise is not positive.

    Example:
        >>> from zoo import datasets
        >>> datasets.toy.cubic()
        Dataset('cubic', train=20, test=121, inputs=1, outputs=1, targets=in original units)
    """
    check_sizes(num_data=num_data)
    check_scales(noise=noise)

    uniform, normal = standard_draws(num_data, seed)
    x = 8.0 * uniform - 4.0
    errors = noise * normal

    return noisy_curve("cubic", _cube, x, errors, limit=6.0, standardise=standardise)


def _cube(x: Tensor) -> Tensor:
    return x**3
