"""The cubic toy: twenty noisy points of x^3, and a grid that reaches beyond them."""

import torch

from zoo.datasets.dataset import Dataset, Split, regression
from zoo.datasets.toy.sizes import refuse_bad_scales, refuse_bad_sizes


def cubic(
    num_data: int = 20, noise: float = 3.0, standardise: bool = False, seed: int = 0
) -> Dataset:
    r"""Noisy cubic on [-4, 4], to be continued with honest doubt out to [-6, 6].

    .. math:: y = x^3 + \epsilon, \quad \epsilon \sim N(0, \text{noise}^2), \quad
              x \sim \text{Uniform}(-4, 4)

    The test part is a grid of 121 inputs on [-6, 6] with noise-free targets: it is for
    pictures and errors of the mean, not for a log density of new measurements.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015), section 5.1

    Arguments:
        num_data: Number N of training points; inputs and targets are (N, 1).
        noise: Standard deviation of the noise in original units, not its variance.
        standardise: Whether x and y are standardised by the training part.
        seed: Seed of a generator of its own; the global one is left alone.

    Raises:
        ValueError: num_data is below 1, or noise is not positive.

    Example:
        >>> from zoo import datasets
        >>> datasets.toy.cubic()
        Dataset('cubic', train=20, test=121, inputs=1, outputs=1, targets=in original units)
    """
    refuse_bad_sizes(num_data=num_data)
    refuse_bad_scales(noise=noise)
    random = torch.Generator().manual_seed(seed)
    x = 8.0 * torch.rand(num_data, 1, generator=random, dtype=torch.float64) - 4.0
    y = x**3 + noise * torch.randn(num_data, 1, generator=random, dtype=torch.float64)
    grid = torch.linspace(-6.0, 6.0, 121, dtype=torch.float64).unsqueeze(-1)
    return regression(
        "cubic", Split(x, y), Split(grid, grid**3), standardise=standardise
    )
