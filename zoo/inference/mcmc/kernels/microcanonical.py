"""Microcanonical dynamics: unit velocities that the gradient turns and noise refreshes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import GradientFunction, is_finite
from zoo.inference.mcmc.kernels.phase_space import LangevinStep, PhasePoint

_MINIMAL_NORM = 0.1931833275037836
INTEGRATORS: dict[str, tuple[float, ...]] = {  # fractions: turn, move, turn, ...
    "leapfrog": (0.5, 1.0, 0.5),
    "mclachlan": (_MINIMAL_NORM, 0.5, 1 - 2 * _MINIMAL_NORM, 0.5, _MINIMAL_NORM),
}


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
    num_others = velocity.shape[-1] - 1
    norm = gradient.norm(dim=-1, keepdim=True)
    smallest = torch.finfo(gradient.dtype).tiny

    direction = -gradient / norm.clamp_min(smallest)  # e
    angle = time * norm / num_others  # delta
    product = velocity * direction
    cosine = product.sum(-1, keepdim=True).clamp(-1.0, 1.0)

    # the solution times 2 exp(-delta), which does not overflow
    decay = (-angle).exp()
    gain = 1 - decay
    pulled = direction * gain
    weight = 1 + decay + cosine * gain
    turned = pulled * weight
    turned = turned + 2 * decay * velocity

    # log(cosh delta + cosine sinh delta)
    loss = torch.expm1(-2 * angle)
    share = 0.5 * (1 - cosine)
    log_ratio = torch.log1p(share * loss)
    change = num_others * (angle + log_ratio)

    return unit(turned), change[:, 0]


def _refreshed(velocity: Tensor, noise: Tensor, fraction: Tensor) -> Tensor:
    r"""Mix velocities (C, P) with standard normal noise z (C, P).

    .. math:: v \leftarrow \frac{v + \nu z}{|v + \nu z|}, \quad
        \nu^2 = \frac{e^{2 \epsilon / L} - 1}{P}

    The fraction (C,) is the step size ε over the decoherence length L.

    References:
        Fluctuation without dissipation: Microcanonical Langevin Monte Carlo (Robnik, Seljak, 2024)
    """
    size = velocity.shape[-1]
    variance = torch.expm1(2 * fraction) / size
    weight = variance.sqrt()

    return unit(velocity + weight[:, None] * noise)


def integrate(
    gradient_function: GradientFunction,
    point: PhasePoint,
    step_size: Tensor,
    fractions: Sequence[float],
) -> tuple[PhasePoint, Tensor]:
    """Take one reversible step.

    Arguments:
        gradient_function: The gradient (C, P) and the potential (C,) at positions.
        point: Where the chains are.
        step_size: Step sizes, (C,).
        fractions: Fractions of the step that turn and move alternately, from `INTEGRATORS`.

    Returns:
        Where the chains are after the step, and the change of the kinetic energy (C,).
    """
    u, velocity, gradient, energy = point
    whole = step_size[:, None]

    kinetic = torch.zeros_like(step_size)
    for number, fraction in enumerate(fractions):
        time = fraction * whole

        is_turn = number % 2 == 0
        if is_turn:
            velocity, change = turn(velocity, gradient, time)
            kinetic = kinetic + change
        else:
            u = u + time * velocity
            gradient, energy = gradient_function(u)

    return PhasePoint(u, velocity, gradient, energy), kinetic


def langevin(
    gradient_function: GradientFunction,
    point: PhasePoint,
    step_size: Tensor,
    length: Tensor,
    fractions: Sequence[float],
    noise: Tensor,
) -> LangevinStep:
    """Take one step and refresh the velocity; to be traced.

    A step that does not end at a finite energy is undone, and its velocity is drawn anew.

    Arguments:
        gradient_function: The gradient (C, P) and the potential (C,) at positions.
        point: Where the chains are.
        step_size: Step sizes, (C,).
        length: Decoherence lengths L, (C,).
        fractions: Fractions of the step, as in `integrate`.
        noise: Standard normal, for the velocities, (C, P).
    """
    new, kinetic = integrate(gradient_function, point, step_size, fractions)
    change = new.energy - point.energy + kinetic

    kept = torch.isfinite(change)
    kept = kept & is_finite(new.gradient, new.energy)
    kept = kept & torch.isfinite(new.velocity).all(-1)
    rows = kept[:, None]

    fraction = step_size / length
    refreshed = _refreshed(new.velocity, noise, fraction)

    after = PhasePoint(
        u=torch.where(rows, new.u, point.u),
        velocity=torch.where(rows, refreshed, unit(noise)),
        gradient=torch.where(rows, new.gradient, point.gradient),
        energy=torch.where(kept, new.energy, point.energy),
    )

    zeros = torch.zeros_like(change)
    change = torch.where(kept, change, zeros)

    return LangevinStep(after, change, ~kept)
