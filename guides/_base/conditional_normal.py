"""The normal distribution of a vector whose log density is quadratic, or nearly so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_HALVINGS = 10  # of a step, until the density does not fall
_MULTIPLES = (1.0, 10.0, 100.0)  # of the prior precision, added to a curvature
_ENERGY_ROUNDING = 1e-6  # share of an energy that counts as equal to it
_PLACES = 4  # at which the curvature of a density is looked at
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
    is_log_concave: bool = False,
) -> NormalMoments:
    r"""Return the Laplace approximation of the density of w, exact if it is quadratic.

    .. math:: H = \nabla^2 U(w), \qquad q(w) = N(w - H^{-1} \nabla U(w), \, H^{-1})

    w is the mode after `num_steps` steps of Newton's method, none of which lowers the
    density. They are outside of autograd. The last step is inside, which gives the mode its
    derivative. Where the density is not log-concave, a multiple of the prior precision is
    added to the curvature.

    References:
        Numerical Optimization, chapter 3 (Nocedal and Wright, 2006)

    Arguments:
        negative: U, the negative log density of w (P,) up to a constant.
        fixed: The same function for values that need no gradient.
        start: Where Newton's method begins, (P,).
        scale: Prior standard deviation of each element, (P,).
        num_steps: Steps before the last one: 0 if the density is quadratic.
        is_log_concave: Whether no multiple is needed, which saves time.
    """
    mode = start
    multiples = () if is_log_concave else _MULTIPLES
    if num_steps == 0:
        return _newton(negative, mode, scale, multiples)

    with torch.no_grad():
        for _ in range(num_steps):
            step = _newton(fixed, mode, scale, multiples).mean - mode.double()
            mode = (mode + _share(fixed, mode, step) * step).to(start.dtype)

    moments = _newton(negative, mode, scale, multiples)
    step = moments.mean - mode.double()
    with torch.no_grad():
        share = _share(fixed, mode, step)

    return NormalMoments(mode.double() + share * step, moments.precision)


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


def is_convex(
    negative: Callable[[Tensor], Tensor], mean: Tensor, scale: Tensor
) -> bool:
    """Return whether a function has no negative curvature at a few random places.

    Arguments:
        negative: The function of a vector (P,).
        mean: The mean of the places, (P,).
        scale: The standard deviation of the places, (P,).
    """
    for _ in range(_PLACES):
        place = mean + scale * torch.randn_like(scale)
        _, curvature = _derivatives(negative, place)
        _, failed_at = torch.linalg.cholesky_ex(curvature.double())
        if failed_at > 0:
            return False

    return True


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
    negative: Callable[[Tensor], Tensor],
    point: Tensor,
    scale: Tensor,
    multiples: Sequence[float],
) -> NormalMoments:
    """Return the normal distribution of the quadratic expansion at a point."""
    gradient, curvature = _derivatives(negative, point)
    precision = _positive_definite(curvature.double(), scale, multiples)

    factor = torch.linalg.cholesky(precision)
    step = torch.cholesky_solve(gradient.double().unsqueeze(-1), factor).squeeze(-1)

    return NormalMoments(point.double() - step, precision)


def _share(negative: Callable[[Tensor], Tensor], point: Tensor, step: Tensor) -> Tensor:
    """Return the share of a step at whose end a function is smallest: 1, 1/2, 1/4, ... or 0.

    Of shares with equal values it is the largest, so that a step at the mode is whole.
    """
    halvings = torch.arange(_HALVINGS, device=point.device, dtype=step.dtype)
    shares = torch.cat([0.5**halvings, torch.zeros_like(halvings[:1])])
    places = (point + shares.unsqueeze(-1) * step).to(point.dtype)

    energies = torch.vmap(negative, randomness="same")(places)
    energies = energies.nan_to_num(nan=torch.inf)
    lowest = energies.amin()
    is_lowest = energies <= lowest + _ENERGY_ROUNDING * lowest.abs()

    return torch.where(is_lowest, shares, 0.0).amax()


def _positive_definite(
    curvature: Tensor, scale: Tensor, multiples: Sequence[float]
) -> Tensor:
    """Return the curvature, with a multiple of the prior precision if it is indefinite.

    The multiple is the smallest of a few; the absolute diagonal comes after the largest.
    """
    symmetric = (curvature + curvature.mT) / 2
    precision = scale.double().square().reciprocal()
    nearest = torch.diag(symmetric.diagonal().abs() + precision)

    for multiple in (*reversed(multiples), 0.0):
        candidate = symmetric + torch.diag(multiple * precision)
        _, failed_at = torch.linalg.cholesky_ex(candidate.detach())
        nearest = torch.where(failed_at > 0, nearest, candidate)

    return nearest
