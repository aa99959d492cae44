"""The linear toy: correlated inputs, and the exact posterior of its weights and bias."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.datasets.dataset import ARTIFICIAL, Dataset, Split, regression_dataset
from zoo.datasets.toy.conjugate import LinearPosterior, linear_posterior
from zoo.datasets.toy.sizes import check_scales, check_sizes


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class LinearDataset(Dataset):
    """A regression data set with its exact posterior.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3

    Arguments:
        exact: Posterior of [weight_1, ..., weight_D, bias] given the training part.
        noise: Standard deviation of the noise of the data; `exact` assumes that it is
            known.
        prior_scale: Standard deviation of the normal prior of every weight and of the
            bias.

    Example:
        >>> from zoo import datasets
        >>> few, many = [datasets.toy.linear(num_data=number) for number in (5, 50)]
        >>> bool(many.exact.covariance.trace() < few.exact.covariance.trace())
        True
    """

    exact: LinearPosterior
    noise: float
    prior_scale: float


def linear(
    num_data: int = 50,
    num_inputs: int = 3,
    noise: float = 0.5,
    prior_scale: float = 1.0,
    correlation: float = 0.8,
    num_test: int = 200,
    seed: int = 0,
) -> LinearDataset:
    r"""Bayesian linear regression with correlated inputs, whose posterior is known exactly.

    .. math:: y = x w + b + \epsilon, \quad w_d, b \sim N(0, \text{prior\_scale}^2), \quad
              \epsilon \sim N(0, \text{noise}^2)

    The right model is one `nn.Linear` with a normal prior of scale `prior_scale` over
    weight and bias, and a normal likelihood of scale `noise`. The data are not
    standardised, because that would change the posterior. Test points are new draws from
    the same distribution, with noise.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3

    Arguments:
        num_data: Number N of training points; inputs are (N, D), targets (N, 1).
        num_inputs: Number D of inputs.
        noise: Standard deviation of the noise, not its variance.
        prior_scale: Standard deviation of the prior, not its variance.
        correlation: Correlation of any two inputs, at least 0 and below 1; each has
            variance 1.
        num_test: Number of test points.
        seed: Seed of a generator of its own; the global generator is not used.

    Raises:
        ValueError: A number is below 1, a scale is not positive, or correlation is
            outside [0, 1).

    Example:
        >>> from zoo import datasets
        >>> data = datasets.toy.linear(num_data=30, num_inputs=2)
        >>> data.train.x.shape, data.exact.mean.shape
        (torch.Size([30, 2]), torch.Size([3]))
    """
    check_sizes(num_data=num_data, num_inputs=num_inputs, num_test=num_test)
    check_scales(noise=noise, prior_scale=prior_scale)
    if not 0.0 <= correlation < 1.0:
        raise ValueError(
            f"correlation is {correlation!r}; write a number from 0 to below 1"
        )

    random = torch.Generator().manual_seed(seed)
    coefficients = prior_scale * _normal(num_inputs + 1, 1, random)
    train = _draw(num_data, coefficients, noise, correlation, random)
    test = _draw(num_test, coefficients, noise, correlation, random)

    data = regression_dataset(
        "linear", train, test, standardise=False, licence=ARTIFICIAL
    )
    exact = posterior(data.train.x, data.train.y, noise, prior_scale)

    return LinearDataset(
        **vars(data), exact=exact, noise=noise, prior_scale=prior_scale
    )


def _draw(
    size: int,
    coefficients: Tensor,
    noise: float,
    correlation: float,
    random: torch.Generator,
) -> Split:
    """Draw inputs (size, D) and targets (size, 1) given coefficients (D + 1, 1)."""
    weight = coefficients[:-1]
    bias = coefficients[-1]

    shared = _normal(size, 1, random)
    own = _normal(size, len(weight), random)
    shared_scale = math.sqrt(correlation)
    own_scale = math.sqrt(1.0 - correlation)

    x = shared_scale * shared + own_scale * own

    errors = noise * _normal(size, 1, random)
    y = x @ weight + bias + errors

    return Split(x, y)


def _normal(rows: int, columns: int, random: torch.Generator) -> Tensor:
    return torch.randn(rows, columns, generator=random, dtype=torch.float64)


def posterior(
    x: Tensor, y: Tensor, noise: float, prior_scale: float
) -> LinearPosterior:
    """Solve the linear model in closed form, in float64, for x (N, D) and y (N, 1)."""
    x = x.double()
    ones = torch.ones_like(x[:, :1])
    features = torch.cat([x, ones], -1)  # (N, D + 1)

    return linear_posterior(features, y.squeeze(-1), noise, prior_scale)
