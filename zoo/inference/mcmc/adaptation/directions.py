"""Directions in which a scaled target is stretched, from draws and gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

_MAX_DRAWS = 500  # for the estimate of fewer directions than that: more take seconds
_MIN_VARIANCE = 1e-5  # of the scaled target, where neither draws nor gradients vary
_FEWEST = 4  # draws, two for directions and two for stretches


def stretched_directions(
    draws: Tensor, gradients: Tensor, rank: int
) -> tuple[Tensor, Tensor]:
    r"""Return directions V (C, P, K), and stretches r (C, K) of the target along them.

    They are eigenvectors of the matrix Σ that minimises the Fisher divergence between the
    target and a normal distribution, those whose eigenvalues are farthest from the others.

    .. math::
        \Sigma \operatorname{Cov}[\nabla U] \Sigma = \operatorname{Cov}[q], \quad
        r_k^4 = \operatorname{Var}[v_k^\top q] / \operatorname{Var}[v_k^\top \nabla U]

    Covariances of S draws of P parameters are shrunk towards multiples of the identity, by
    P / (P + S). Directions come from the first half of the draws, stretches from the second
    half, so no direction is stretched because few draws happen to lie along it. Logarithms of
    stretches are shrunk towards zero by their standard errors, as by James and Stein. For all
    directions (K = P) and more draws than parameters, Σ is that of all draws.

    References:
        Preconditioning Hamiltonian Monte Carlo by Minimizing Fisher Divergence (Seyboldt,
        Carlson, Carpenter, 2025)
        A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices (Ledoit, Wolf,
        2004)
        Nonparametric Eigenvalue-Regularized Precision or Covariance Matrix Estimator (Lam,
        2016), which divides the draws

    Arguments:
        draws: Centred draws in units of a diagonal scale, (C, S, P), in the order of time.
        gradients: Their centred gradients in these units, (C, S, P).
        rank: Number of directions K.
    """
    chains, num_draws, size = draws.shape
    if rank == size and num_draws > size:
        both = _thinned(draws, rank), _thinned(gradients, rank)
        return _farthest(*both, rank, shrinkage=0.0)

    if num_draws < _FEWEST:
        eye = torch.eye(size, rank, dtype=draws.dtype, device=draws.device)
        return eye.expand(chains, -1, -1), draws.new_ones(chains, rank)

    half = num_draws // 2
    early = _thinned(centred(draws[:, :half]), rank)
    early_gradients = _thinned(centred(gradients[:, :half]), rank)
    shrinkage = size / (size + early.shape[1])
    directions, _ = _farthest(early, early_gradients, rank, shrinkage)

    late = centred(draws[:, half:]).double()
    late_gradients = centred(gradients[:, half:]).double()

    return directions, _stretches(late, late_gradients, directions)


def centred(values: Tensor) -> Tensor:
    """Subtract the mean over draws from values (C, S, P)."""
    return values - values.mean(1, keepdim=True)


def _thinned(values: Tensor, rank: int) -> Tensor:
    """Return values (C, S, P) in double precision, of only some draws if there are many."""
    most = max(rank, _MAX_DRAWS)
    every = math.ceil(values.shape[1] / most)

    return values[:, ::every].double()


def _farthest(
    draws: Tensor, gradients: Tensor, rank: int, shrinkage: float
) -> tuple[Tensor, Tensor]:
    """Return eigenvectors (C, P, K) of Σ, and square roots of their eigenvalues (C, K)."""
    # coordinates in the space that both span
    both = torch.cat([draws, gradients], 1)
    basis, _ = torch.linalg.qr(both.transpose(1, 2))  # (C, P, D)
    covariance = _shrunk_covariance(draws, basis, shrinkage)
    curvature = _shrunk_covariance(gradients, basis, shrinkage)

    mean = _geometric_mean(covariance, curvature)
    variance, vectors = torch.linalg.eigh(mean)
    num_dimensions = variance.shape[-1]

    num_found = min(rank, num_dimensions)
    distance = variance.log().abs()
    kept = distance.topk(num_found, -1).indices  # (C, K)

    index = kept[:, None].expand(-1, num_dimensions, -1)
    kept_vectors = vectors.gather(2, index)
    directions = basis @ kept_vectors
    stretch = variance.gather(1, kept).sqrt()

    missing = (0, rank - num_found)

    return pad(directions, missing), pad(stretch, missing, value=1.0)


def _shrunk_covariance(values: Tensor, basis: Tensor, shrinkage: float) -> Tensor:
    """Return the covariance (C, D, D) of centred values (C, S, P) in a basis (C, P, D)."""
    _, num_draws, _ = values.shape
    inside = values @ basis
    moment = inside.transpose(1, 2) @ inside / num_draws

    # of one parameter, at least a minimum
    variance = values.square().mean((1, 2))
    least = shrinkage * variance + _MIN_VARIANCE
    eye = torch.eye(moment.shape[-1], dtype=moment.dtype, device=moment.device)

    return (1 - shrinkage) * moment + least[:, None, None] * eye


def _stretches(draws: Tensor, gradients: Tensor, directions: Tensor) -> Tensor:
    """Return stretches (C, K) along directions (C, P, K), given other draws (C, S, P)."""
    num_draws = draws.shape[1]
    along = (draws @ directions).square().mean(1)
    steepness = (gradients @ directions).square().mean(1)
    typical = draws.square().mean((1, 2)) / gradients.square().mean((1, 2))

    ratio = along / steepness / typical[:, None]
    is_known = torch.isfinite(ratio) & (ratio > 0)
    ones = torch.ones_like(ratio)
    log_stretch = torch.where(is_known, ratio, ones).log() / 4

    # four times the variance 1 / (4 S) of its logarithm for independent normal draws
    noise = 1 / num_draws
    kept = 1 - noise / log_stretch.square().clamp_min(noise)

    return (kept * log_stretch).exp()


def _geometric_mean(covariance: Tensor, curvature: Tensor) -> Tensor:
    r"""Return the positive definite X with X curvature X = covariance.

    .. math:: X = B^{-1/2} \big( B^{1/2} A B^{1/2} \big)^{1/2} B^{-1/2}

    with A the covariance and B the curvature: the geometric mean of A and B⁻¹.
    """
    root = _matrix_power(curvature, 0.5)
    inverse_root = _matrix_power(curvature, -0.5)
    middle = _matrix_power(root @ covariance @ root, 0.5)

    return inverse_root @ middle @ inverse_root


def _matrix_power(matrix: Tensor, exponent: float) -> Tensor:
    """Return a power of symmetric positive definite matrices (C, D, D)."""
    values, vectors = torch.linalg.eigh(matrix)
    powers = values.clamp_min(0.0).pow(exponent)
    scaled = vectors * powers[:, None]

    return scaled @ vectors.transpose(1, 2)
