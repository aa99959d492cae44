"""A mass matrix as a change of coordinates: kernels see a target of unit scale."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

MOST = 500  # draws that directions are found from, where no more of them are asked for: beyond, it takes seconds
FLOOR = 1e-5  # variance, in units of the diagonal's, of directions that no draw or no gradient says anything of


class MassMatrix(NamedTuple):
    r"""Coordinates u in which the target has about unit scale: q = A u.

    .. math:: A = \operatorname{diag}(s) \, \big( I + V (\operatorname{diag}(r) - I) V^\top \big)

    Hamiltonian dynamics of u with unit mass is that of q with mass matrix (A Aᵀ)⁻¹: the
    same trajectories. Every chain has its own, or all have one.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011)

    Arguments:
        scale: Standard deviations s, (C, P).
        basis: Orthonormal directions V in which the scaled target is stretched, (C, P,
            K); K may be 0.
        stretch: Their standard deviations r, (C, K).
    """

    scale: Tensor
    basis: Tensor
    stretch: Tensor

    @classmethod
    def unit(cls, q: Tensor, rank: int = 0) -> MassMatrix:
        """Return the identity for positions q (C, P); directions beyond it have stretch 1."""
        chains, size = q.shape
        basis = q.new_zeros(chains, size, rank)
        basis[:, torch.arange(rank), torch.arange(rank)] = 1.0
        return cls(torch.ones_like(q), basis, q.new_ones(chains, rank))

    def colour(self, u: Tensor) -> Tensor:
        """Return q = A u, (C, P)."""
        return self.scale * self._stretched(u, self.stretch)

    def whiten(self, q: Tensor) -> Tensor:
        """Return u = A⁻¹ q, (C, P)."""
        return self._stretched(q / self.scale, 1 / self.stretch)

    def pull(self, slope: Tensor) -> Tensor:
        """Return the gradient in u of what has this gradient in q: Aᵀ slope, (C, P)."""
        return self._stretched(self.scale * slope, self.stretch)

    @property
    def log_size(self) -> Tensor:
        """Mean logarithm of the standard deviations in all directions and chains, ()."""
        return (
            self.scale.log().mean()
            + self.stretch.log().sum(-1).mean() / self.scale.shape[-1]
        )

    def _stretched(self, vector: Tensor, stretch: Tensor) -> Tensor:
        if self.basis.shape[-1] == 0:
            return vector
        along = torch.einsum("cpk,cp->ck", self.basis, vector)
        return vector + torch.einsum("cpk,ck->cp", self.basis, (stretch - 1) * along)


def estimate_mass_matrix(
    draws: Tensor, slopes: Tensor, rank: int = 0, shared: bool = False
) -> MassMatrix:
    r"""Estimate a metric from draws and the gradients of the potential there.

    .. math:: s_i^2 = \sqrt{\operatorname{Var}[q_i] / \operatorname{Var}[\partial_i U]}, \quad
        \Sigma \operatorname{Cov}[\nabla U] \Sigma = \operatorname{Cov}[q]

    The second holds in the scaled space that draws and gradients span; of the
    eigenvectors of Σ those farthest from 1 are kept. Both make the Fisher divergence
    between the target and a normal least, which for a normal target takes as many draws
    as there are directions to find, not as many as there are numbers.

    References:
        Preconditioning Hamiltonian Monte Carlo by Minimizing Fisher Divergence (Seyboldt, Carlson, Carpenter, 2025)

    Arguments:
        draws: Draws of every chain in unconstrained space, (C, S, P), S at least 2.
        slopes: Gradients of the potential at them, (C, S, P).
        rank: Number of directions K beside the diagonal.
        shared: Whether the chains' draws, each about its own mean, are taken together.
    """
    chains, size = len(draws), draws.shape[-1]
    slopes = slopes.nan_to_num(0.0, 0.0, 0.0)
    draws, slopes = (part - part.mean(1, keepdim=True) for part in (draws, slopes))
    if shared:
        draws, slopes = (part.reshape(1, -1, size) for part in (draws, slopes))
    scale = diagonal(draws, slopes)
    metric = MassMatrix.unit(scale, rank)._replace(scale=scale)
    if rank > 0:
        basis, stretch = directions(
            draws / scale[:, None], slopes * scale[:, None], rank
        )
        metric = MassMatrix(scale, basis.to(scale), stretch.to(scale))
    return MassMatrix(
        *(part.expand(chains, *part.shape[1:]).contiguous() for part in metric)
    )


def diagonal(draws: Tensor, slopes: Tensor) -> Tensor:
    """Return scales (C, P) of centred draws and gradients (C, S, P); numbers that never moved keep scale 1."""
    ratio = draws.square().mean(1) / slopes.square().mean(1)
    return (
        torch.where(torch.isfinite(ratio) & (ratio > 0), ratio, torch.ones_like(ratio))
        ** 0.25
    )


def directions(draws: Tensor, slopes: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return directions (C, P, K) and stretches (C, K) of centred and scaled draws and gradients (C, S, P)."""
    every = math.ceil(draws.shape[1] / max(rank, MOST))
    draws, slopes = draws[:, ::every].double(), slopes[:, ::every].double()
    basis, _ = torch.linalg.qr(
        torch.cat([draws, slopes], 1).transpose(1, 2)
    )  # (C, P, D)
    draws, slopes = draws @ basis, slopes @ basis
    floor = FLOOR * torch.eye(basis.shape[-1], dtype=draws.dtype, device=draws.device)
    covariance = draws.transpose(1, 2) @ draws / draws.shape[1] + floor
    curvature = slopes.transpose(1, 2) @ slopes / slopes.shape[1] + floor
    variance, vectors = torch.linalg.eigh(between(covariance, curvature))
    kept = (
        variance.log().abs().topk(min(rank, variance.shape[-1]), -1).indices
    )  # (C, K)
    found = basis @ vectors.gather(2, kept[:, None].expand(-1, vectors.shape[1], -1))
    stretch = variance.gather(1, kept).sqrt()
    missing = rank - kept.shape[-1]
    return pad(found, (0, missing)), pad(stretch, (0, missing), value=1.0)


def between(covariance: Tensor, curvature: Tensor) -> Tensor:
    r"""Return the positive definite X with X curvature X = covariance.

    .. math:: X = B^{-1/2} \big( B^{1/2} A B^{1/2} \big)^{1/2} B^{-1/2}
    """
    root = power(curvature, 0.5)
    inverse = power(curvature, -0.5)
    return inverse @ power(root @ covariance @ root, 0.5) @ inverse


def power(matrix: Tensor, exponent: float) -> Tensor:
    """Return a power of a symmetric positive definite matrix (C, D, D)."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0.0).pow(exponent)[:, None]) @ vectors.transpose(
        1, 2
    )
