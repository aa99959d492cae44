"""The settings of generalised HMC from the chains of a fold: scales, step size, damping."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_LARGEST_STEP = 1.0  # in standard deviations
_SMALLEST = 1e-20


class FoldSettings(NamedTuple):
    """The settings that the chains of F folds give to others.

    Arguments:
        scale: Standard deviations of the chains, (F, P).
        step_size: Step sizes ε in units of the scales, (F,).
        damping: Rate γ at which momenta are forgotten, per unit of time, (F,).
    """

    scale: Tensor
    step_size: Tensor
    damping: Tensor

    @property
    def refreshed(self) -> Tensor:
        """Variance α of the momenta that a step draws anew, (F,)."""
        return -torch.expm1(-2 * self.step_size * self.damping)

    @property
    def steps_to_forget(self) -> Tensor:
        """Steps after which a momentum is forgotten, up to 1/e, (F,)."""
        return 1 / (self.step_size * self.damping)


def settings_of_folds(
    q: Tensor, gradient: Tensor, iteration: int, factor: float | Tensor
) -> FoldSettings:
    r"""Return the settings that the positions and gradients of each fold suggest.

    .. math:: \epsilon = \min\big(1, c / \sqrt{\lambda_{\max}(E[g g^\top])}\big), \quad
        \gamma = \max\big(1 / \sqrt{\lambda_{\max}(\operatorname{Cov}[u])}, 1 / (t \epsilon)\big)

    for standardised positions u and gradients g with respect to them: the step size fits
    the steepest direction, and the damping the widest. In early iterations t the damping is
    larger, because the chains have not spread yet.

    References:
        Tuning-Free Generalized Hamiltonian Monte Carlo (Hoffman, Sountsov, 2022)

    Arguments:
        q: Positions of the chains of each fold, (F, n, P), n at least 2.
        gradient: Gradients of the potential at q, (F, n, P).
        iteration: Number t of the iteration, from 1.
        factor: Factor c, between step sizes and the largest stable ones over 2.
    """
    deviation = q.std(1)
    has_spread = torch.isfinite(deviation) & (deviation > 0)
    scale = torch.where(has_spread, deviation, 1.0)

    centred = q - q.mean(1, keepdim=True)
    standardised = centred / scale[:, None]
    slope = gradient.nan_to_num(0.0, 0.0, 0.0) * scale[:, None]

    steepest = largest_eigenvalue(slope)
    step_size = factor / steepest.sqrt()
    step_size = step_size.clamp(max=_LARGEST_STEP)

    widest = largest_eigenvalue(standardised)
    damping = 1 / widest.sqrt()
    least = 1 / (iteration * step_size)

    return FoldSettings(scale, step_size, torch.maximum(damping, least))


def largest_eigenvalue(vectors: Tensor) -> Tensor:
    r"""Estimate the largest eigenvalue of E[x xᵀ] from vectors x (F, n, P), (F,).

    .. math:: \lambda_{\max} \approx \frac{\operatorname{tr}(S^2)}{\operatorname{tr}(S)}, \quad
        \operatorname{tr}(S) \approx \frac1n \sum_i |x_i|^2, \quad
        \operatorname{tr}(S^2) \approx \frac{1}{n (n - 1)} \sum_{i \ne j} (x_i^\top x_j)^2

    This is a mean of the eigenvalues weighted by themselves. Both traces are unbiased.
    """
    num_vectors = vectors.shape[1]
    products = vectors @ vectors.transpose(1, 2)  # (F, n, n)
    squares = products.diagonal(dim1=1, dim2=2)

    all_pairs = products.square().sum((1, 2))
    with_itself = squares.square().sum(1)
    num_pairs = num_vectors * (num_vectors - 1)

    trace_of_square = (all_pairs - with_itself) / num_pairs
    trace = squares.mean(1)

    return (trace_of_square / trace.clamp_min(_SMALLEST)).clamp_min(_SMALLEST)
