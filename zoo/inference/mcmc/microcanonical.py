"""Microcanonical dynamics: a velocity of unit length that the gradient turns, and its partial refreshment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.inference.mcmc.initialisation import finite

B = 0.1931833275037836  # of the minimal norm
INTEGRATORS = {
    "leapfrog": (0.5, 1.0, 0.5),
    "mclachlan": (B, 0.5, 1 - 2 * B, 0.5, B),
}  # turn, move, turn, ...
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]


def unit(vector: Tensor) -> Tensor:
    """Return vectors (C, P) at unit length."""
    return vector / vector.norm(dim=-1, keepdim=True)


def turn(velocity: Tensor, slope: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    r"""Turn velocities (C, P) downhill for a time (C, 1), and return the change of the kinetic energy (C,) too; exact.

    .. math:: \dot v = -\frac{(I - v v^\top) \nabla U}{P - 1}, \quad
        \Delta K = (P - 1) \log(\cosh \delta + e^\top v \sinh \delta)

    with :math:`e = -\nabla U / |\nabla U|` and :math:`\delta = t |\nabla U| / (P - 1)`.

    References:
        Microcanonical Hamiltonian Monte Carlo (Robnik, De Luca, Silverstein, Seljak, 2023)
        Hamiltonian Dynamics with Non-Newtonian Momentum for Rapid Sampling (Ver Steeg, Galstyan, 2021)
    """
    others = velocity.shape[-1] - 1
    norm = slope.norm(dim=-1, keepdim=True)
    downhill = -slope / norm.clamp_min(torch.finfo(slope.dtype).tiny)
    angle = time * norm / others
    along = (velocity * downhill).sum(-1, keepdim=True).clamp(-1.0, 1.0)
    fading = (-angle).exp()
    turned = (
        downhill * (1 - fading) * (1 + fading + along * (1 - fading))
        + 2 * fading * velocity
    )
    change = others * (angle + torch.log1p(0.5 * (1 - along) * torch.expm1(-2 * angle)))
    return unit(turned), change[:, 0]


def refreshed(velocity: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    r"""Mix velocities (C, P) with standard normal noise; share (C,) is the step size over the decoherence length L.

    .. math:: v \leftarrow \frac{v + \nu z}{|v + \nu z|}, \quad \nu^2 = \frac{e^{2 \epsilon / L} - 1}{P}

    References:
        Fluctuation without dissipation: Microcanonical Langevin Monte Carlo (Robnik, Seljak, 2024)
    """
    weight = (torch.expm1(2 * share) / velocity.shape[-1]).sqrt()
    return unit(velocity + weight[:, None] * noise)


def integrate(
    gradient: Gradient,
    u: Tensor,
    velocity: Tensor,
    slope: Tensor,
    step_size: Tensor,
    parts: Sequence[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Take one reversible step: position, velocity, gradient, potential, and the change of the kinetic energy (C,).

    Arguments:
        gradient: The gradient (C, P) and the potential (C,) at positions.
        u: Positions (C, P).
        velocity: Unit velocities (C, P).
        slope: The gradient at the positions.
        step_size: Step size of every chain, (C,).
        parts: Parts of the step to turn and to move in turns, one of `INTEGRATORS`.
    """
    whole, kinetic, energy = (
        step_size[:, None],
        torch.zeros_like(step_size),
        torch.zeros_like(step_size),
    )
    for number, part in enumerate(parts):
        if number % 2:
            u = u + part * whole * velocity
            slope, energy = gradient(u)
        else:
            velocity, change = turn(velocity, slope, part * whole)
            kinetic = kinetic + change
    return u, velocity, slope, energy, kinetic


def langevin(
    gradient: Gradient,
    u: Tensor,
    velocity: Tensor,
    slope: Tensor,
    energy: Tensor,
    step_size: Tensor,
    length: Tensor,
    parts: Sequence[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Take a step and refresh the velocity; a step that ends at no finite energy is undone, with a fresh velocity.

    Returns positions, velocities, gradients, potentials, the changes of the whole
    energy (C,), 0 where undone, and which steps were undone (C,). To be traced.
    """
    new_u, turned, new_slope, new_energy, kinetic = integrate(
        gradient, u, velocity, slope, step_size, parts
    )
    change = new_energy - energy + kinetic
    good = (
        torch.isfinite(change)
        & finite(new_slope, new_energy)
        & torch.isfinite(turned).all(-1)
    )
    noise, keep = torch.randn_like(u), good[:, None]
    turned = torch.where(
        keep, refreshed(turned, noise, step_size / length), unit(noise)
    )
    return (
        torch.where(keep, new_u, u),
        turned,
        torch.where(keep, new_slope, slope),
        torch.where(good, new_energy, energy),
        torch.where(good, change, torch.zeros_like(change)),
        ~good,
    )
