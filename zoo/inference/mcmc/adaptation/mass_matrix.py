"""A mass matrix as a change of coordinates, in which the target has about unit scale."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

_MAX_DRAWS = 500  # for the estimate of fewer directions than that: more take seconds
_MIN_VARIANCE = 1e-5  # of the scaled target, where neither draws nor gradients vary


class MassMatrix(NamedTuple):
    r"""Whitened coordinates u, in which the target has about unit scale: q = A u.

    .. math:: A = \operatorname{diag}(s) \, \big( I + V (\operatorname{diag}(r) - I) V^\top \big)

    Hamiltonian dynamics of u with unit mass has the same trajectories as that of q with
    the mass matrix (A Aᵀ)⁻¹. Each chain has its own matrix, or all chains share one.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011)

    Arguments:
        scale: Standard deviations s, (C, P).
        basis: Orthonormal directions V in which the scaled target is stretched, (C, P, K);
            K may be 0.
        stretch: Standard deviations r of the scaled target in these directions, (C, K).
    """

    scale: Tensor
    basis: Tensor
    stretch: Tensor

    @classmethod
    def identity(cls, q: Tensor, rank: int = 0) -> MassMatrix:
        """Return the identity for positions q (C, P), with K = rank directions of stretch 1."""
        chains, size = q.shape
        first = torch.arange(rank)

        basis = q.new_zeros(chains, size, rank)
        basis[:, first, first] = 1.0

        return cls(torch.ones_like(q), basis, q.new_ones(chains, rank))

    def colour(self, u: Tensor) -> Tensor:
        """Return positions q = A u (C, P) of whitened positions u: the inverse of `whiten`."""
        return self.scale * self._stretched(u, self.stretch)

    def whiten(self, q: Tensor) -> Tensor:
        """Return whitened positions u = A⁻¹ q, (C, P)."""
        return self._stretched(q / self.scale, 1 / self.stretch)

    def whiten_gradient(self, gradient: Tensor) -> Tensor:
        """Return the gradient with respect to u, given that with respect to q: Aᵀ g, (C, P)."""
        return self._stretched(self.scale * gradient, self.stretch)

    @property
    def log_size(self) -> Tensor:
        """Mean log standard deviation over all directions and chains, ()."""
        size = self.scale.shape[-1]
        log_scale = self.scale.log().mean()
        log_stretch = self.stretch.log().sum(-1).mean()

        return log_scale + log_stretch / size

    def _stretched(self, vector: Tensor, stretch: Tensor) -> Tensor:
        """Multiply the components of a vector along the directions."""
        if self.basis.shape[-1] == 0:
            return vector

        along = torch.einsum("cpk,cp->ck", self.basis, vector)
        change = (stretch - 1) * along

        return vector + torch.einsum("cpk,ck->cp", self.basis, change)


def estimate_mass_matrix(
    draws: Tensor, gradients: Tensor, rank: int = 0, shared: bool = False
) -> MassMatrix:
    r"""Estimate a mass matrix from draws and from the gradients of the potential at them.

    .. math:: s_i^2 = \sqrt{\operatorname{Var}[q_i] / \operatorname{Var}[\partial_i U]}, \quad
        \Sigma \operatorname{Cov}[\nabla U] \Sigma = \operatorname{Cov}[q]

    The second equation is solved in the scaled space that draws and gradients span. Of the
    eigenvectors of Σ, those with eigenvalues farthest from 1 are kept. Both equations
    minimise the Fisher divergence between the target and a normal distribution. For a normal
    target, the number of draws needed is the number of directions to find, not the number of
    parameters.

    References:
        Preconditioning Hamiltonian Monte Carlo by Minimizing Fisher Divergence (Seyboldt,
        Carlson, Carpenter, 2025)

    Arguments:
        draws: Draws of every chain in unconstrained space, (C, S, P), S at least 2.
        gradients: Gradients of the potential at the draws, (C, S, P).
        rank: Number K of directions next to the diagonal.
        shared: Whether chains share one estimate from all draws, each chain centred at its
            own mean.
    """
    chains, _, size = draws.shape
    draws = _centred(draws)

    gradients = _centred(gradients.nan_to_num(0.0, 0.0, 0.0))
    if shared:
        draws = draws.reshape(1, -1, size)
        gradients = gradients.reshape(1, -1, size)

    scale = _diagonal_scale(draws, gradients)
    identity = MassMatrix.identity(scale, rank)

    mass_matrix = identity._replace(scale=scale)
    if rank > 0:
        scaled = draws / scale[:, None]
        scaled_gradients = gradients * scale[:, None]
        basis, stretch = _stretched_directions(scaled, scaled_gradients, rank)
        mass_matrix = MassMatrix(scale, basis.to(scale), stretch.to(scale))

    return MassMatrix(*[_for_chains(part, chains) for part in mass_matrix])


def _centred(values: Tensor) -> Tensor:
    """Subtract the mean over draws from values (C, S, P)."""
    return values - values.mean(1, keepdim=True)


def _for_chains(part: Tensor, chains: int) -> Tensor:
    """Repeat a shared part for all chains."""
    return part.expand(chains, *part.shape[1:]).contiguous()


def _diagonal_scale(draws: Tensor, gradients: Tensor) -> Tensor:
    """Return scales (C, P) of centred draws and gradients (C, S, P); 1 for constant elements."""
    variance = draws.square().mean(1)
    curvature = gradients.square().mean(1)
    ratio = variance / curvature

    is_known = torch.isfinite(ratio) & (ratio > 0)
    ones = torch.ones_like(ratio)

    return torch.where(is_known, ratio, ones) ** 0.25


def _stretched_directions(
    draws: Tensor, gradients: Tensor, rank: int
) -> tuple[Tensor, Tensor]:
    """Return directions (C, P, K) and stretches (C, K) of centred, scaled draws and gradients."""
    num_draws = draws.shape[1]
    max_draws = max(rank, _MAX_DRAWS)
    every = math.ceil(num_draws / max_draws)
    draws = draws[:, ::every].double()
    gradients = gradients[:, ::every].double()

    # coordinates in the space that both span
    both = torch.cat([draws, gradients], 1)
    basis, _ = torch.linalg.qr(both.transpose(1, 2))  # (C, P, D)
    covariance = _second_moment(draws @ basis)
    curvature = _second_moment(gradients @ basis)

    mean = _geometric_mean(covariance, curvature)
    variance, vectors = torch.linalg.eigh(mean)
    num_dimensions = variance.shape[-1]

    # keep the variances farthest from 1
    num_found = min(rank, num_dimensions)
    distance = variance.log().abs()
    kept = distance.topk(num_found, -1).indices  # (C, K)

    index = kept[:, None].expand(-1, num_dimensions, -1)
    kept_vectors = vectors.gather(2, index)
    directions = basis @ kept_vectors
    stretch = variance.gather(1, kept).sqrt()

    missing = (0, rank - num_found)

    return pad(directions, missing), pad(stretch, missing, value=1.0)


def _second_moment(vectors: Tensor) -> Tensor:
    """Return the mean of x xᵀ over vectors (C, S, D), with a minimal variance, (C, D, D)."""
    _, num_draws, size = vectors.shape
    total = vectors.transpose(1, 2) @ vectors
    moment = total / num_draws

    eye = torch.eye(size, dtype=vectors.dtype, device=vectors.device)

    return moment + _MIN_VARIANCE * eye


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
