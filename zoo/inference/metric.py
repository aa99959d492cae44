"""A mass matrix as a change of coordinates: kernels see a target of unit scale."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Metric(NamedTuple):
    r"""Coordinates u in which the target has about unit scale: q = A u.

    .. math:: A = \operatorname{diag}(s) \, \big( I + V (\operatorname{diag}(r) - I) V^\top \big)

    Hamiltonian dynamics of u with unit mass is that of q with mass matrix (A Aᵀ)⁻¹: the same trajectories. Every chain
    has its own, or all have one.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011)

    Arguments:
        scale: Standard deviations s, (C, P).
        basis: Orthonormal directions V in which the scaled target is stretched, (C, P, K); K may be 0.
        stretch: Their standard deviations r, (C, K).
    """

    scale: Tensor
    basis: Tensor
    stretch: Tensor

    @classmethod
    def unit(cls, q: Tensor, rank: int = 0) -> Metric:
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

    def _stretched(self, vector: Tensor, stretch: Tensor) -> Tensor:
        if self.basis.shape[-1] == 0:
            return vector
        along = torch.einsum("cpk,cp->ck", self.basis, vector)
        return vector + torch.einsum("cpk,ck->cp", self.basis, (stretch - 1) * along)


def metric_of(draws: Tensor, rank: int = 0, shared: bool = False) -> Metric:
    """Estimate a metric from draws q (C, S, P), shrunk towards a small unit one as in Stan.

    Arguments:
        draws: Draws of every chain in unconstrained space.
        rank: Number of directions K beside the diagonal, at most S - 1.
        shared: Whether the chains' draws, each about its own mean, are taken together.
    """
    chains, count, size = draws.shape
    centred = draws - draws.mean(1, keepdim=True)
    if shared:
        centred = centred.reshape(1, chains * count, size)
    number = centred.shape[1]
    weight = number / (number + 5.0)
    variance = centred.square().sum(1) / max(number - 1, 1)
    scale = (weight * variance + (1 - weight) * 1e-3).clamp_min(1e-20).sqrt()
    metric = Metric.unit(scale, rank)._replace(scale=scale)
    if rank > 0:
        scaled = centred / scale[:, None]
        _, singular, directions = torch.linalg.svd(scaled, full_matrices=False)
        kept = min(rank, directions.shape[1], number - 1)
        stretch = singular[:, :kept].square() / max(number - 1, 1)
        stretch = (weight * stretch + (1 - weight)).sqrt()
        basis = metric.basis.clone()
        basis[:, :, :kept] = directions[:, :kept].transpose(1, 2)
        basis[:, :, kept:] = 0.0
        metric = Metric(scale, basis, torch.cat([stretch, stretch.new_ones(len(stretch), rank - kept)], -1))
    return Metric(*(part.expand(chains, *part.shape[1:]).contiguous() for part in metric))
