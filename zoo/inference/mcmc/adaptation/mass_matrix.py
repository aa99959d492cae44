"""A mass matrix as a change of coordinates, in which the target has about unit scale."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.directions import centred, stretched_directions

Metric = Literal["fisher", "variance", "hessian"]
METRICS: tuple[Metric, ...] = get_args(Metric)
_PRIOR_DRAWS = (
    5.0  # draws of variance _PRIOR_VARIANCE that Stan adds to those of a chain
)
_PRIOR_VARIANCE = 1e-3


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

    def _stretched(self, vector: Tensor, stretch: Tensor) -> Tensor:
        """Multiply the components of a vector along the directions."""
        if self.basis.shape[-1] == 0:
            return vector

        along = torch.einsum("cpk,cp->ck", self.basis, vector)
        change = (stretch - 1) * along

        return vector + torch.einsum("cpk,ck->cp", self.basis, change)


def estimate_mass_matrix(
    draws: Tensor,
    gradients: Tensor,
    rank: int = 0,
    shared: bool = False,
    metric: Metric = "fisher",
) -> MassMatrix:
    r"""Estimate a mass matrix from draws and from the gradients of the potential at them.

    The scales are those of a metric, the directions those of `stretched_directions`.

    .. math::
        s_i^2 = \sqrt{\operatorname{Var}[q_i] / \operatorname{Var}[\partial_i U]}, \quad
        s_i^2 = \operatorname{Var}[q_i] \quad \text{or} \quad
        s_i^2 = 1 / \operatorname{Var}[\partial_i U]

    The first, "fisher", minimises the Fisher divergence between the target and a normal
    distribution. "variance" is that of Stan, shrunk to 0.001 by five draws. "hessian" is the
    inverse of the mean second derivative, because of
    :math:`E[\partial_i U^2] = E[\partial_i^2 U]`.
    For independent normal parameters all of them are equal.

    References:
        Preconditioning Hamiltonian Monte Carlo by Minimizing Fisher Divergence (Seyboldt,
        Carlson, Carpenter, 2025)
        Stan Reference Manual: HMC Algorithm Parameters (Stan Development Team, 2024)

    Arguments:
        draws: Draws of every chain in unconstrained space, (C, S, P), S at least 2.
        gradients: Gradients of the potential at the draws, (C, S, P).
        rank: Number K of directions next to the diagonal.
        shared: Whether chains share one estimate from all draws, each chain centred at its
            own mean.
        metric: What the scales are.
    """
    chains = len(draws)
    draws = centred(draws)

    gradients = centred(gradients.nan_to_num(0.0, 0.0, 0.0))
    if shared:
        draws = _together(draws)
        gradients = _together(gradients)

    scale = _diagonal_scale(draws, gradients, metric)
    identity = MassMatrix.identity(scale, rank)

    mass_matrix = identity._replace(scale=scale)
    if rank > 0:
        scaled = draws / scale[:, None]
        scaled_gradients = gradients * scale[:, None]
        basis, stretch = stretched_directions(scaled, scaled_gradients, rank)
        mass_matrix = MassMatrix(scale, basis.to(scale), stretch.to(scale))

    return MassMatrix(*[_for_chains(part, chains) for part in mass_matrix])


def _for_chains(part: Tensor, chains: int) -> Tensor:
    """Repeat a shared part for all chains."""
    return part.expand(chains, *part.shape[1:]).contiguous()


def _together(values: Tensor) -> Tensor:
    """Return values (C, S, P) of all chains as those of one, earlier ones first, (1, CS, P)."""
    in_time = values.transpose(0, 1)
    return in_time.flatten(0, 1)[None]


def _diagonal_scale(draws: Tensor, gradients: Tensor, metric: Metric) -> Tensor:
    """Return scales (C, P) of centred draws and gradients (C, S, P); 1 for constant elements."""
    num_draws = draws.shape[1]
    variance = draws.square().mean(1)
    curvature = gradients.square().mean(1)

    squared = (variance / curvature).sqrt()
    if metric == "variance":
        share = num_draws / (num_draws + _PRIOR_DRAWS)
        squared = share * variance + (1 - share) * _PRIOR_VARIANCE
    elif metric == "hessian":
        squared = 1 / curvature

    is_known = torch.isfinite(squared) & (squared > 0)
    ones = torch.ones_like(squared)

    return torch.where(is_known, squared, ones).sqrt()
