"""A Hamiltonian kernel of whole trajectories, each accepted or rejected."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.draws import TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import (
    MAX_ENERGY_ERROR,
    Hamiltonian,
    kinetic_energy,
)
from zoo.inference.mcmc.kernels.masked import where_chains


class TrajectoryEnd(NamedTuple):
    """The last points of trajectories.

    Arguments:
        u: Whitened positions, (C, P).
        p: Momenta, (C, P).
        gradient: Gradient of the potential at u, (C, P).
        energy: Potential at u, (C,).
    """

    u: Tensor
    p: Tensor
    gradient: Tensor
    energy: Tensor


class Trajectories(Hamiltonian):
    """A kernel of whole trajectories; a member gives `num_leapfrog`, their lengths.

    `proposal` is the end of the last trajectories, whether it was accepted or not.
    """

    proposal: TrajectoryEnd

    def num_leapfrog(self) -> Tensor:
        """Return the leapfrog steps of the next trajectory of each chain, (C,)."""
        raise NotImplementedError

    def transition(self) -> TransitionInfo:
        """Follow a trajectory from fresh momenta, and accept its end or stay."""
        state = self.state
        momenta = torch.randn_like(state["u"])
        steps = self.num_leapfrog()
        end = self._integrate(momenta, steps)

        initial = state["energy"] + kinetic_energy(momenta)
        final = end.energy + kinetic_energy(end.p)
        error = (final - initial).nan_to_num(nan=math.inf)
        acceptance = (-error).exp().clamp(max=1.0)
        uniform = torch.rand_like(acceptance)
        accepted = uniform < acceptance
        self._move(end, accepted)

        return TransitionInfo(
            acceptance_rate=acceptance,
            diverging=error > MAX_ENERGY_ERROR,
            n_steps=steps,
            lp=-state["energy"],
            energy=torch.where(accepted, initial + error, initial),
        )

    def _move(self, end: TrajectoryEnd, accepted: Tensor) -> None:
        """Move the chains of a mask (C,) to the ends of their trajectories."""
        self.proposal = end
        for name in ("u", "gradient", "energy"):
            new = getattr(end, name)
            self.state[name] = where_chains(accepted, new, self.state[name])

    def _integrate(self, p: Tensor, steps: Tensor) -> TrajectoryEnd:
        """Return the ends of trajectories with momenta p (C, P) and lengths (C,).

        A chain with fewer steps than others waits: its step size becomes zero.
        """
        state = self.state
        longest = int(steps.max())
        numbers = torch.arange(longest, device=p.device)
        moves = numbers[:, None] < steps  # (K, C)
        step_sizes = moves * state["step_size"]

        end = (state["u"], p, state["gradient"], state["energy"])
        for some in step_sizes.split(self.steps_at_once):
            end = self.leaps(*end, some, *self.mass_matrix)

        self.num_gradients += longest * self.num_chains

        return TrajectoryEnd(*end)
