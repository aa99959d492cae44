"""A step of generalised HMC: momenta persist, and a slice variable accepts or rejects."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import GradientFunction
from zoo.inference.mcmc.kernels.hamiltonian import kinetic_energy
from zoo.inference.mcmc.kernels.masked import where_chains


class PersistentPoint(NamedTuple):
    """Where chains are.

    Arguments:
        q: Positions, (C, P).
        p: Momenta, standard normal, (C, P).
        gradient: Gradient of the potential at q, (C, P).
        energy: Potential at q, (C,).
        slices: Slice variables s, uniform between -1 and 1, (C,).
    """

    q: Tensor
    p: Tensor
    gradient: Tensor
    energy: Tensor
    slices: Tensor


def persistent_step(
    gradient_function: GradientFunction,
    point: PersistentPoint,
    scale: Tensor,
    step_size: Tensor,
    refreshed: Tensor,
) -> tuple[PersistentPoint, Tensor]:
    r"""Refresh momenta in part, take a leapfrog step, and accept it or reverse the momenta.

    .. math:: p \leftarrow \sqrt{1 - \alpha} \, p + \sqrt \alpha \, n, \quad
        s \leftarrow s + \tfrac{\alpha}{2} \text{ between -1 and 1}, \quad
        \text{accept if } |s| < e^{-\Delta}, \text{ then } s \leftarrow s \, e^\Delta

    with the energy error Δ of the leapfrog step. The slice variable moves slowly instead of
    being drawn anew, so acceptances come in long rows, and momenta are rarely reversed.

    References:
        A generalized guided Monte Carlo algorithm (Horowitz, 1991)
        Non-reversibly updating a uniform [0, 1] value for Metropolis accept/reject decisions
        (Neal, 2020)
        Tuning-Free Generalized Hamiltonian Monte Carlo (Hoffman, Sountsov, 2022)

    Arguments:
        gradient_function: The gradient (C, P) and the potential (C,) at positions.
        point: Where the chains are.
        scale: Standard deviations of positions, (C, P): the unit of steps.
        step_size: Step sizes, (C,).
        refreshed: Variance α of the momenta that is drawn anew, (C,).

    Returns:
        Where the chains are after the step, and the energy error (C,), accepted or not.
    """
    p = _refresh(point.p, refreshed)
    slices = torch.remainder(point.slices + 1 + refreshed / 2, 2) - 1

    stride = step_size[:, None] * scale
    half = p - 0.5 * stride * point.gradient
    q = point.q + stride * half
    gradient, energy = gradient_function(q)
    end = half - 0.5 * stride * gradient

    before = point.energy + kinetic_energy(p)
    after = energy + kinetic_energy(end)
    error = (after - before).nan_to_num(nan=math.inf)

    accepted = slices.abs().log() < -error
    moved = PersistentPoint(q, end, gradient, energy, slices * error.exp())
    stayed = point._replace(p=-p, slices=slices)

    return _chosen(accepted, moved, stayed), error


def _refresh(p: Tensor, refreshed: Tensor) -> Tensor:
    """Draw a part of the momenta (C, P) anew."""
    share = refreshed[:, None]
    noise = torch.randn_like(p)

    return (1 - share).sqrt() * p + share.sqrt() * noise


def _chosen(
    accepted: Tensor, moved: PersistentPoint, stayed: PersistentPoint
) -> PersistentPoint:
    """Return the first point for the chains of a mask (C,), the second for the others."""
    values = []
    for new, old in zip(moved, stayed, strict=True):
        values.append(where_chains(accepted, new, old))

    return PersistentPoint(*values)
