"""Posteriors of linear models in closed form: of weights, of nodes, and of Bernoulli masks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal

from zoo.datasets.toy.conjugate import linear_posterior


class Moments(NamedTuple):
    """The moments of an exact posterior, and the log evidence.

    Arguments:
        mean: Mean, (P,).
        covariance: Covariance, (P, P).
        evidence: Log evidence in nats, ().
    """

    mean: Tensor
    covariance: Tensor
    evidence: Tensor


def linear_moments(
    features: Tensor, y: Tensor, loc: float, scale: float, noise: float
) -> Moments:
    """Return the posterior of a linear model's coefficients.

    Arguments:
        features: Features, (N, P).
        y: Targets, (N,).
        loc: Prior mean of every coefficient.
        scale: Prior standard deviation of every coefficient.
        noise: Standard deviation of the noise.
    """
    found = linear_posterior(features, y, noise, scale, loc)

    return Moments(found.mean, found.covariance, found.log_evidence)


def mask_posterior(
    outputs: Tensor, masks: Tensor, y: Tensor, keep: float, noise: float
) -> Moments:
    """Return the posterior of Bernoulli masks by a sum over all of them.

    Arguments:
        outputs: Outputs under each mask, (N, M).
        masks: All masks, (M, D).
        y: Targets, (N, 1).
        keep: Prior probability of one.
        noise: Standard deviation of the noise.
    """
    prior = masks * keep + (1 - masks) * (1 - keep)
    log_prior = prior.log().sum(-1)
    log_likelihood = Normal(outputs, noise).log_prob(y).sum(0)
    joint = log_likelihood + log_prior  # (M,)

    weights = joint.softmax(0)
    mean = weights @ masks
    centred = masks - mean
    covariance = weighted_covariance(weights, centred)

    return Moments(mean, covariance, joint.logsumexp(0))


def both_sides_posterior(
    features: Tensor, y: Tensor, scale: float, noise: float
) -> Moments:
    """Return the posterior of nodes on both sides of a linear layer, by a sum over a grid.

    s (x ∘ z) w + b is linear in the nodes z of the inputs, given the node s of the output;
    the sum is over s.

    Arguments:
        features: x ∘ w, (N, D).
        y: Targets minus b, (N,).
        scale: Prior standard deviation of every node around 1.
        noise: Standard deviation of the noise.
    """
    grid = torch.linspace(-1.0, 3.0, 401, dtype=torch.float64)  # values of s
    given = [linear_moments(s * features, y, 1.0, scale, noise) for s in grid]
    means_of_z, covariances, evidences = map(torch.stack, zip(*given, strict=True))

    log_prior = Normal(1.0, scale).log_prob(grid)
    joint = evidences + log_prior  # (G,)
    weights = joint.softmax(0)

    means = torch.cat([means_of_z, grid[:, None]], 1)  # (G, D + 1)
    mean = weights @ means

    centred = means - mean
    covariance = weighted_covariance(weights, centred)

    covariance[:-1, :-1] += torch.einsum("g,gij->ij", weights, covariances)

    log_step = (grid[1] - grid[0]).log()
    return Moments(mean, covariance, joint.logsumexp(0) + log_step)


def weighted_covariance(weights: Tensor, centred: Tensor) -> Tensor:
    """Return the weighted sum of outer products, (P, P).

    Arguments:
        weights: Weights, (M,).
        centred: Vectors minus their mean, (M, P).
    """
    weighted = weights.unsqueeze(-1) * centred
    return centred.T @ weighted
