"""Hamiltonian Monte Carlo: trajectories of a fixed or jittered length."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.inference.chains import Adaptive
from zoo.inference.hamiltonian import LARGEST_ERROR, Hamiltonian
from zoo.inference.kernel import Facts
from zoo.inference.potential import Potential


@dataclass(kw_only=True, repr=False, eq=False)
class HMC(Adaptive):
    r"""Hamiltonian Monte Carlo: trajectories of a fixed number of leapfrog steps, accepted or rejected.

    .. math:: p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q), \quad q \leftarrow q + \epsilon M^{-1} p, \quad
        p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q)

    Step size by dual averaging and a diagonal mass matrix are adapted in warm-up. Should not be confused with
    Pyro's HMC, which turns `num_steps` into a trajectory length before it adapts the step size.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011)
        Hybrid Monte Carlo (Duane, Kennedy, Pendleton, Roweth, 1987)

    Arguments:
        num_steps: Leapfrog steps of each trajectory.

    Example:
        >>> engine = inference.HMC(model, num_chains=2, warmup_steps=5, num_samples=5, progress=False)
        >>> engine.fit(data.train).info.n_steps.unique()
        tensor([50])
    """

    num_steps: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_steps < 1:
            raise ValueError(f"num_steps is a number of leapfrog steps, at least 1, not {self.num_steps}")

    def steps_per_draw(self) -> int:
        """Guess the leapfrog steps of one draw."""
        return self.num_steps

    def kernel(self, potential: Potential, q: Tensor) -> FixedLength:
        """Make the kernel."""
        return FixedLength(potential, q, self.num_steps, **self.adaptation(potential))


class FixedLength(Hamiltonian):
    """Hamiltonian Monte Carlo of one number of leapfrog steps for all chains."""

    def __init__(self, potential: Potential, q: Tensor, num_steps: int, **options: object) -> None:
        super().__init__(potential, q, **options)
        self.num_steps = num_steps

    def transition(self) -> Facts:
        """Follow a trajectory with a fresh momentum, and accept or stay."""
        state, metric = self.state, self.metric
        u, slope, energy = state["u"], state["slope"], state["energy"]
        p = torch.randn_like(u)
        before = energy + 0.5 * p.square().sum(-1)
        for _ in range(self.num_steps):
            u, p, slope, energy = self.leap(u, p, slope, state["step_size"], *metric)
        self.num_gradients += self.num_steps * self.num_chains
        error = (energy + 0.5 * p.square().sum(-1) - before).nan_to_num(nan=math.inf)
        acceptance = (-error).exp().clamp(max=1.0)
        accepted = torch.rand_like(acceptance) < acceptance
        state["u"] = torch.where(accepted[:, None], u, state["u"])
        state["slope"] = torch.where(accepted[:, None], slope, state["slope"])
        state["energy"] = torch.where(accepted, energy, state["energy"])
        return {
            "acceptance_rate": acceptance,
            "diverging": error > LARGEST_ERROR,
            "n_steps": torch.full_like(accepted, self.num_steps, dtype=torch.long),
            "lp": -state["energy"],
        }
