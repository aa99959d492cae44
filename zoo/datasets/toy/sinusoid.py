"""The sinusoid toy: two clusters of noisy points and nothing between them."""

import math

import torch

from zoo.datasets.dataset import Dataset, Split, regression
from zoo.datasets.toy.sizes import refuse_bad_scales, refuse_bad_sizes


def sinusoid(
    num_data: int = 40,
    noise: float = 0.1,
    gap: tuple[float, float] = (-0.7, 0.7),
    standardise: bool = False,
    seed: int = 0,
) -> Dataset:
    r"""Noisy sinusoid on [-2, 2] with a gap, to ask for doubt between the data and beyond them.

    .. math:: y = \sin(\pi x) + \epsilon, \quad \epsilon \sim N(0, \text{noise}^2), \quad
              x \sim \text{Uniform}([-2, \text{gap}_0] \cup [\text{gap}_1, 2])

    The test part is a grid of 121 inputs on [-3, 3] with noise-free targets: it is for
    pictures and errors of the mean, not for a log density of new measurements.

    References:
        'In-Between' Uncertainty in Bayesian Neural Networks (Foong et al., 2019),
        arxiv.org/abs/1906.11537

    Arguments:
        num_data: Number N of training points; inputs and targets are (N, 1).
        noise: Standard deviation of the noise in original units, not its variance.
        gap: Interval inside (-2, 2) without training inputs.
        standardise: Whether x and y are standardised by the training part.
        seed: Seed of a generator of its own; the global one is left alone.

    Raises:
        ValueError: num_data is below 1, noise is not positive, or gap is no interval in
            (-2, 2).

    Example:
        >>> from zoo import datasets
        >>> x, y = datasets.toy.sinusoid().train
        >>> bool((x.abs() >= 0.7).all())
        True
    """
    refuse_bad_sizes(num_data=num_data)
    refuse_bad_scales(noise=noise)
    left, right = gap
    if not -2.0 < left <= right < 2.0:
        raise ValueError(
            f"gap is {gap!r}; write (left, right) with -2 < left <= right < 2."
        )
    random = torch.Generator().manual_seed(seed)
    place = torch.rand(num_data, 1, generator=random, dtype=torch.float64)
    x = -2.0 + (4.0 - (right - left)) * place  # as if the gap were cut out
    x = torch.where(x < left, x, x + (right - left))
    noises = noise * torch.randn(num_data, 1, generator=random, dtype=torch.float64)
    grid = torch.linspace(-3.0, 3.0, 121, dtype=torch.float64).unsqueeze(-1)
    train, test = (
        Split(x, torch.sin(math.pi * x) + noises),
        Split(grid, torch.sin(math.pi * grid)),
    )
    return regression("sinusoid", train, test, standardise=standardise)
