"""The linear toy: correlated inputs, and the exact posterior of its weights and bias."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.datasets.dataset import Dataset, Split, regression
from zoo.datasets.toy.sizes import refuse_bad_scales, refuse_bad_sizes


class LinearPosterior(NamedTuple):
    r"""Exact normal posterior of a linear model's coefficients [weight_1, ..., weight_D, bias].

    .. math:: \Lambda = \Phi^T \Phi / \text{noise}^2 + I / \text{prior\_scale}^2, \quad
              m = \Lambda^{-1} \Phi^T y / \text{noise}^2, \quad \Phi = [x, 1]

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), sections 3.3 and 3.5

    Arguments:
        mean: Posterior mean m, (D + 1,), float64; the bias comes last here as
            everywhere below.
        covariance: Posterior covariance, the inverse of the precision, (D + 1, D + 1).
        precision: Posterior precision, (D + 1, D + 1); the optimal mean-field normal
            guide has scales 1 / sqrt(diag(precision)), which are below the marginal
            standard deviations.
        log_evidence: log p(y | x) in nats, summed over the data, ().
    """

    mean: Tensor
    covariance: Tensor
    precision: Tensor
    log_evidence: Tensor


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class LinearDataset(Dataset):
    """A regression data set that knows its exact posterior.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3

    Arguments:
        exact: Posterior of [weight_1, ..., weight_D, bias] given the training part.
        noise: Standard deviation of the noise that made the data and that `exact` takes
            as known.
        prior_scale: Standard deviation of the normal prior of every weight and of the
            bias.
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

    The model that fits is one `nn.Linear` with a normal prior of scale `prior_scale`
    over weight and bias, and a normal likelihood of scale `noise`. Nothing is
    standardised, for that would change the posterior. Test points are drawn by the same
    law, with noise.

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
        seed: Seed of a generator of its own; the global one is left alone.

    Raises:
        ValueError: A number is below 1, a scale is not positive, or correlation is
            outside [0, 1).

    Example:
        >>> from zoo import datasets
        >>> data = datasets.toy.linear(num_data=30, num_inputs=2)
        >>> data.train.x.shape, data.exact.mean.shape
        (torch.Size([30, 2]), torch.Size([3]))
    """
    refuse_bad_sizes(num_data=num_data, num_inputs=num_inputs, num_test=num_test)
    refuse_bad_scales(noise=noise, prior_scale=prior_scale)
    if not 0.0 <= correlation < 1.0:
        raise ValueError(
            f"correlation is {correlation!r}; write a number from 0 to below 1."
        )
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    coefficients = prior_scale * normal(num_inputs + 1, 1)

    def draw(size: int) -> Split:
        shared, own = normal(size, 1), normal(size, num_inputs)
        x = math.sqrt(correlation) * shared + math.sqrt(1.0 - correlation) * own
        return Split(
            x, x @ coefficients[:-1] + coefficients[-1] + noise * normal(size, 1)
        )

    data = regression("linear", draw(num_data), draw(num_test), standardise=False)
    return LinearDataset(
        **vars(data),
        exact=posterior(data.train.x, data.train.y, noise, prior_scale),
        noise=noise,
        prior_scale=prior_scale,
    )


def posterior(
    x: Tensor, y: Tensor, noise: float, prior_scale: float
) -> LinearPosterior:
    """Solve the linear model in closed form, in float64, for x (N, D) and y (N, 1)."""
    features = torch.cat([x.double(), torch.ones(len(x), 1, dtype=torch.float64)], -1)
    y = y.double().squeeze(-1)  # (N, 1) -> (N,)
    identity = torch.eye(features.shape[-1], dtype=torch.float64)
    precision = features.T @ features / noise**2 + identity / prior_scale**2
    factor = torch.linalg.cholesky(precision)
    mean = torch.cholesky_solve(
        (features.T @ y / noise**2).unsqueeze(-1), factor
    ).squeeze(-1)
    # log N(y | Phi m, noise^2) + log N(m | 0, prior_scale^2) - log N(m | m, precision^-1)
    misfit = (
        y - features @ mean
    ).square().sum() / noise**2 + mean.square().sum() / prior_scale**2
    log_evidence = -0.5 * (
        misfit
        + len(y) * math.log(2 * math.pi * noise**2)
        + len(mean) * math.log(prior_scale**2)
        + 2.0 * factor.diagonal().log().sum()
    )
    return LinearPosterior(
        mean, torch.cholesky_inverse(factor), precision, log_evidence
    )
