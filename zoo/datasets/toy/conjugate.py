"""The posterior of linear regression in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class LinearPosterior(NamedTuple):
    r"""Exact normal posterior of a linear model's coefficients.

    .. math:: \Lambda = \Phi^T \Phi / \text{noise}^2 + S^{-1}, \quad
              m = \Lambda^{-1} (\Phi^T y / \text{noise}^2 + S^{-1} m_0), \quad
              S = \operatorname{diag}(\text{scale}^2)

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), sections 3.3 and 3.5

    Arguments:
        mean: Posterior mean m, (P,), float64. Of `toy.linear` it is [weight_1, ...,
            weight_D, bias].
        covariance: Posterior covariance, the inverse of the precision, (P, P).
        precision: Posterior precision, (P, P). The optimal mean-field normal guide has
            scales 1 / sqrt(diag(precision)), which are smaller than the marginal standard
            deviations.
        log_evidence: log p(y | x) in nats, summed over the data, ().

    Example:
        >>> from zoo import datasets
        >>> exact = datasets.toy.linear(num_inputs=2).exact
        >>> (exact.precision @ exact.covariance).round(decimals=3).diagonal()
        tensor([1., 1., 1.], dtype=torch.float64)
    """

    mean: Tensor
    covariance: Tensor
    precision: Tensor
    log_evidence: Tensor


def linear_posterior(
    features: Tensor,
    y: Tensor,
    noise: float,
    scale: Tensor | float,
    loc: Tensor | float = 0.0,
) -> LinearPosterior:
    """Solve a linear model in closed form, in float64.

    Arguments:
        features: Features Φ, (N, P), of no data at all if N is 0.
        y: Targets, (N,).
        noise: Standard deviation of the noise, not its variance.
        scale: Standard deviation of the prior of each coefficient, (P,) or one for all.
        loc: Its mean, (P,) or one for all.
    """
    features, y = features.double(), y.double()
    like = features.new_zeros(features.shape[-1])
    prior_scale = torch.as_tensor(scale).to(like).expand_as(like)
    prior_mean = torch.as_tensor(loc).to(like).expand_as(like)
    variance = noise**2

    gram = features.T @ features
    precision = gram / variance + prior_scale.pow(-2).diag()
    factor = torch.linalg.cholesky(precision)
    covariance = torch.cholesky_inverse(factor)

    # shifted by the prior mean, for which the prior is around zero
    misses = y - features @ prior_mean
    projected = features.T @ misses / variance  # (P,)
    shift = torch.cholesky_solve(projected.unsqueeze(-1), factor).squeeze(-1)

    # log N(y | Phi m, noise^2) + log N(m | m_0, scale^2) - log N(m | m, precision^-1)
    residual = misses - features @ shift
    data_misfit = residual.square().sum() / variance
    prior_misfit = (shift / prior_scale).square().sum()

    log_noise = len(y) * math.log(2 * math.pi * variance)
    log_prior = 2.0 * prior_scale.log().sum()
    log_det = 2.0 * factor.diagonal().log().sum()
    misfit = data_misfit + prior_misfit
    log_evidence = -0.5 * (misfit + log_noise + log_prior + log_det)

    return LinearPosterior(prior_mean + shift, covariance, precision, log_evidence)
