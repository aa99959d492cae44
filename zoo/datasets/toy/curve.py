"""The common part of the toys that are noisy curves: random numbers, and a grid as test part."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.datasets.dataset import ARTIFICIAL, Dataset, Split, regression_dataset


def standard_draws(num_data: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw standard uniform and standard normal numbers, (N, 1) each, float64."""
    random = torch.Generator().manual_seed(seed)
    uniform = torch.rand(num_data, 1, generator=random, dtype=torch.float64)
    normal = torch.randn(num_data, 1, generator=random, dtype=torch.float64)

    return uniform, normal


def noisy_curve(
    name: str,
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    errors: Tensor,
    *,
    limit: float,
    standardise: bool,
) -> Dataset:
    """Build a data set of noisy training points and a noise-free grid.

    Arguments:
        name: Name of the data set.
        function: The curve.
        x: Training inputs, (N, 1).
        errors: Noise of the training targets, (N, 1).
        limit: The test part is a grid of 121 inputs on [-limit, limit].
        standardise: Whether x and y are standardised by the training part.
    """
    train = Split(x, function(x) + errors)

    grid = torch.linspace(-limit, limit, 121, dtype=torch.float64)
    grid = grid.unsqueeze(-1)  # (121, 1)
    test = Split(grid, function(grid))

    return regression_dataset(
        name, train, test, standardise=standardise, licence=ARTIFICIAL
    )
