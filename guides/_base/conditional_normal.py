"""The normal distribution of a vector whose log density is quadratic, or nearly so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_LONGEST_STEP = 5.0  # of Newton's method, in prior standard deviations of an element

_ROUNDING = 1e-9  # a third derivative that is 0 is so but for this share of the second


class NormalMoments(NamedTuple):
    """The moments of a normal distribution, in float64.

    Arguments:
        mean: Mean, (P,).
        precision: Inverse of the covariance, (P, P).
    """

    mean: Tensor
    precision: Tensor


def conditional_normal(
    negative: Callable[[Tensor], Tensor],
    fixed: Callable[[Tensor], Tensor],
    start: Tensor,
    scale: Tensor,
    num_steps: int,
) -> NormalMoments:
    r"""Return the Laplace approximation of the density of w, exact if it is quadratic.

    .. math:: H = \nabla^2 U(w), \qquad q(w) = N(w - H^{-1} \nabla U(w), \, H^{-1})

    w is the mode after `num_steps` steps of Newton's method. They are outside of autograd.
    The last step is inside, which gives the mode its derivative.

    Arguments:
        negative: U, the negative log density of w (P,) up to a constant.
        fixed: The same function for values that need no gradient.
        start: Where Newton's method begins, (P,).
        scale: Prior standard deviation of each element, (P,).
        num_steps: Steps before the last one: 0 if the density is quadratic.
    """
    mode = start
    with torch.no_grad():
        for _ in range(num_steps):
            moments = _newton(fixed, mode, scale)
            step = moments.mean - mode.double()
            longest = (step.abs() / scale).amax(-1)
            damping = (_LONGEST_STEP / longest.clamp_min(1e-12)).clamp_max(1.0)
            mode = (mode.double() + damping * step).to(start.dtype)

    return _newton(negative, mode, scale)


def is_quadratic(
    negative: Callable[[Tensor], Tensor], mean: Tensor, scale: Tensor
) -> bool:
    """Return whether a function has no third derivative, at a random place and direction.

    Arguments:
        negative: The function of a vector (P,).
        mean: The mean of the place, (P,).
        scale: The standard deviation of the place and the direction, (P,).
    """
    gradient = torch.func.grad(negative)
    direction = scale * torch.randn_like(scale)

    def second(point: Tensor) -> Tensor:
        return torch.func.jvp(gradient, (point,), (direction,))[1]

    place = mean + scale * torch.randn_like(scale)
    curvature, change = torch.func.jvp(second, (place,), (direction,))

    return float(change.abs().max()) <= _ROUNDING * float(curvature.abs().max())


def _derivatives(
    negative: Callable[[Tensor], Tensor], point: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradient (P,) and the matrix of second derivatives (P, P) at a point."""
    differentiate = torch.func.grad(negative)

    def twice(point: Tensor) -> tuple[Tensor, Tensor]:
        value = differentiate(point)
        return value, value

    rows = torch.func.jacfwd(twice, has_aux=True, randomness="same")
    curvature, gradient = rows(point)

    return gradient, curvature


def _newton(
    negative: Callable[[Tensor], Tensor], point: Tensor, scale: Tensor
) -> NormalMoments:
    """Return the normal distribution of the quadratic expansion at a point."""
    gradient, curvature = _derivatives(negative, point)
    precision = _positive_definite(curvature.double(), scale)

    factor = torch.linalg.cholesky(precision)
    step = torch.cholesky_solve(gradient.double().unsqueeze(-1), factor).squeeze(-1)

    return NormalMoments(point.double() - step, precision)


def _positive_definite(curvature: Tensor, scale: Tensor) -> Tensor:
    """Return the curvature, or where the density is not log-concave a diagonal in its place."""
    symmetric = (curvature + curvature.mT) / 2
    with torch.no_grad():
        _, is_indefinite = torch.linalg.cholesky_ex(symmetric)

    prior = scale.double().square().reciprocal()
    diagonal = torch.diag(symmetric.diagonal().abs() + prior)

    return torch.where(is_indefinite > 0, diagonal, symmetric)
