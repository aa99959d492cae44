"""Directions in which particles climb a density and repel each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LEAST_WIDTH = 1e-12  # where all particles are at one place


def bandwidth(positions: Tensor) -> Tensor:
    """Return the squared width h of a kernel by the median heuristic, ().

    It is med² / log K, with the median over the distances of all pairs.

    Arguments:
        positions: Positions (K, D).
    """
    number = len(positions)
    squares = _squared_distances(positions)
    row, column = torch.triu_indices(number, number, 1, device=positions.device)
    median = squares[row, column].median()

    return (median / math.log(number)).clamp_min(_LEAST_WIDTH)


def stein_direction(positions: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the direction of Stein variational gradient descent (K, D), and the bandwidth.

    .. math:: \phi_i = \frac1K \sum_j \big[ k(x_j, x_i) \nabla \log p(x_j)
        + \nabla_{x_j} k(x_j, x_i) \big], \qquad k(x, y) = e^{-|x - y|^2 / h}

    References:
        Stein Variational Gradient Descent: A General Purpose Bayesian Inference Algorithm
        (Liu, Wang, 2016)

    Arguments:
        positions: Positions (K, D).
        gradients: Gradients of the log density, (K, D).
    """
    width = bandwidth(positions)
    kernel = (-_squared_distances(positions) / width).exp()

    attraction = kernel @ gradients
    totals = kernel.sum(1, keepdim=True)
    repulsion = 2 / width * (totals * positions - kernel @ positions)
    direction = (attraction + repulsion) / len(positions)

    return direction, width


def density_direction(positions: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return minus the gradient of a kernel estimate of the log density, and the bandwidth.

    .. math:: -\frac{\sum_j \nabla_{x_i} k(x_i, x_j)}{\sum_j k(x_i, x_j)}

    Added to the gradient of the log density of the target, it is the Wasserstein gradient
    flow towards it.

    References:
        Repulsive Deep Ensembles are Bayesian (D'Angelo, Fortuin, 2021)

    Arguments:
        positions: Positions (K, D).
    """
    width = bandwidth(positions)
    weights = (-_squared_distances(positions) / width).softmax(1)
    repulsion = 2 / width * (positions - weights @ positions)

    return repulsion, width


def _squared_distances(positions: Tensor) -> Tensor:
    """Return the squared distances of all pairs of positions (K, D), (K, K)."""
    norms = positions.square().sum(1)
    products = positions @ positions.T
    squares = norms[:, None] + norms - 2 * products

    return squares.clamp_min(0.0)
