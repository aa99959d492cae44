"""Microcanonical dynamics: unit velocities that the gradient turns and noise refreshes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.potential import GradientFunction, is_finite

_MINIMAL_NORM = 0.1931833275037836
INTEGRATORS: dict[str, tuple[float, ...]] = {  # fractions: turn, move, turn, ...
    "leapfrog": (0.5, 1.0, 0.5),
    "mclachlan": (_MINIMAL_NORM, 0.5, 1 - 2 * _MINIMAL_NORM, 0.5, _MINIMAL_NORM),
}


class Point(NamedTuple):
    """Where the chains are.

    Arguments:
        u: Whitened positions, (C, P).
        velocity: Velocities of unit length, (C, P).
        gradient: Gradient of the potential at u, (C, P).
        energy: Potential at u, (C,).
    """

    u: Tensor
    velocity: Tensor
    gradient: Tensor
    energy: Tensor


class LangevinStep(NamedTuple):
    """The result of a step.

    Arguments:
        point: Where the chains are after it.
        change: Change of the total energy, 0 if the step was undone, (C,).
        undone: Whether the step was undone, (C,).
    """

    point: Point
    change: Tensor
    undone: Tensor


def unit(vector: Tensor) -> Tensor:
    """Scale vectors (C, P) to unit length."""
    return vector / vector.norm(dim=-1, keepdim=True)


def turn(velocity: Tensor, gradient: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    r"""Turn velocities against a constant gradient: the exact solution of the velocity's equation.

    .. math:: \dot v = -\frac{(I - v v^\top) \nabla U}{P - 1}, \quad
        \Delta K = (P - 1) \log(\cosh \delta + e^\top v \sinh \delta)

    with :math:`e = -\nabla U / |\nabla U|` and :math:`\delta = t |\nabla U| / (P - 1)`.

    References:
        Microcanonical Hamiltonian Monte Carlo (Robnik, De Luca, Silverstein, Seljak, 2023)
        Hamiltonian Dynamics with Non-Newtonian Momentum for Rapid Sampling (Ver Steeg, Galstyan,
        2021)

    Arguments:
        velocity: Velocities of unit length v, (C, P).
        gradient: Gradients of the potential, (C, P).
        time: Time t, (C, 1).

    Returns:
        The turned velocities (C, P), and the change of the kinetic energy ΔK (C,).
    """
    dimensions = velocity.shape[-1] - 1
    norm = gradient.norm(dim=-1, keepdim=True)
    smallest = torch.finfo(gradient.dtype).tiny
    descent = -gradient / norm.clamp_min(smallest)
    angle = time * norm / dimensions
    along = (velocity * descent).sum(-1, keepdim=True).clamp(-1.0, 1.0)

    decay = (-angle).exp()
    pulled = descent * (1 - decay)
    turned = pulled * (1 + decay + along * (1 - decay)) + 2 * decay * velocity

    log_ratio = torch.log1p(0.5 * (1 - along) * torch.expm1(-2 * angle))
    change = dimensions * (angle + log_ratio)
    return unit(turned), change[:, 0]


def _refreshed(velocity: Tensor, noise: Tensor, fraction: Tensor) -> Tensor:
    r"""Mix velocities (C, P) with standard normal noise z (C, P).

    .. math:: v \leftarrow \frac{v + \nu z}{|v + \nu z|}, \quad
        \nu^2 = \frac{e^{2 \epsilon / L} - 1}{P}

    The fraction (C,) is the step size ε over the decoherence length L.

    References:
        Fluctuation without dissipation: Microcanonical Langevin Monte Carlo (Robnik, Seljak, 2024)
    """
    weight = (torch.expm1(2 * fraction) / velocity.shape[-1]).sqrt()
    return unit(velocity + weight[:, None] * noise)


def integrate(
    gradient_function: GradientFunction,
    u: Tensor,
    velocity: Tensor,
    gradient: Tensor,
    step_size: Tensor,
    fractions: Sequence[float],
) -> tuple[Point, Tensor]:
    """Take one reversible step.

    Arguments:
        gradient_function: The gradient (C, P) and the potential (C,) at positions.
        u: Whitened positions, (C, P).
        velocity: Velocities of unit length, (C, P).
        gradient: Gradient of the potential at u, (C, P).
        step_size: Step sizes, (C,).
        fractions: Fractions of the step that turn and move alternately, from `INTEGRATORS`.

    Returns:
        Where the chains are after the step, and the change of the kinetic energy (C,).
    """
    time = step_size[:, None]
    kinetic = torch.zeros_like(step_size)
    energy = torch.zeros_like(step_size)

    for number, fraction in enumerate(fractions):
        if number % 2 == 0:
            velocity, change = turn(velocity, gradient, fraction * time)
            kinetic = kinetic + change
        else:
            u = u + fraction * time * velocity
            gradient, energy = gradient_function(u)

    return Point(u, velocity, gradient, energy), kinetic


def langevin(
    gradient_function: GradientFunction,
    point: Point,
    step_size: Tensor,
    length: Tensor,
    fractions: Sequence[float],
) -> LangevinStep:
    """Take one step and refresh the velocity; to be traced.

    A step that does not end at a finite energy is undone, and its velocity is drawn anew.

    Arguments:
        gradient_function: The gradient (C, P) and the potential (C,) at positions.
        point: Where the chains are.
        step_size: Step sizes, (C,).
        length: Decoherence lengths L, (C,).
        fractions: Fractions of the step, as in `integrate`.
    """
    u, velocity, gradient, energy = point
    new, kinetic = integrate(
        gradient_function, u, velocity, gradient, step_size, fractions
    )
    change = new.energy - energy + kinetic
    kept = torch.isfinite(change) & is_finite(new.gradient, new.energy)
    kept = kept & torch.isfinite(new.velocity).all(-1)

    noise = torch.randn_like(u)
    rows = kept[:, None]
    refreshed = _refreshed(new.velocity, noise, step_size / length)
    after = Point(
        u=torch.where(rows, new.u, u),
        velocity=torch.where(rows, refreshed, unit(noise)),
        gradient=torch.where(rows, new.gradient, gradient),
        energy=torch.where(kept, new.energy, energy),
    )
    change = torch.where(kept, change, torch.zeros_like(change))
    return LangevinStep(after, change, ~kept)
