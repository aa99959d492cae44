"""The sinusoid toy: two clusters of noisy points with a gap between them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset
from zoo.datasets.toy.curve import noisy_curve, standard_draws
from zoo.datasets.toy.sizes import check_scales, check_sizes


def sinusoid(
    num_data: int = 40,
    noise: float = 0.1,
    gap: tuple[float, float] = (-0.7, 0.7),
    standardise: bool = False,
    seed: int = 0,
) -> Dataset:
    r"""Noisy sinusoid on [-2, 2] with a gap, to see epistemic uncertainty away from the data.

    .. math:: y = \sin(\pi x) + \epsilon, \quad \epsilon \sim N(0, \text{noise}^2), \quad
              x \sim \text{Uniform}([-2, \text{gap}_0] \cup [\text{gap}_1, 2])

    The test part is a grid of 121 inputs on [-3, 3] with noise-free targets. It is for
    plots and errors of the mean, not for a log density of new measurements.

    References:
        'In-Between' Uncertainty in Bayesian Neural Networks (Foong et al., 2019),
        arxiv.org/abs/1906.11537

    Arguments:
        num_data: Number N of training points; inputs and targets are (N, 1).
        noise: Standard deviation of the noise in original units, not its variance.
        gap: Interval inside (-2, 2) without training inputs.
        standardise: Whether x and y are standardised by the training part.
        seed: Seed of a generator of its own; the global generator is not used.

    Raises:
        ValueError: num_data is below 1, noise is not positive, or gap is no interval in
            (-2, 2).

    Example:
        >>> from zoo import datasets
        >>> x, y = datasets.toy.sinusoid().train
        >>> bool((x.abs() >= 0.7).all())
        True
    """
    check_sizes(num_data=num_data)
    check_scales(noise=noise)
    left, right = gap
    if not -2.0 < left <= right < 2.0:
        raise ValueError(
            f"gap is {gap!r}; write (left, right) with -2 < left <= right < 2"
        )

    uniform, normal = standard_draws(num_data, seed)

    # Draw from an interval without the gap, then move the points right of the gap.
    width = right - left
    x = -2.0 + (4.0 - width) * uniform
    x = torch.where(x < left, x, x + width)
    errors = noise * normal

    return noisy_curve("sinusoid", _sine, x, errors, limit=3.0, standardise=standardise)


def _sine(x: Tensor) -> Tensor:
    return torch.sin(math.pi * x)
