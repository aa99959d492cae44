"""Hamiltonian Monte Carlo: trajectories of a fixed or jittered length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.hamiltonian import LARGEST_ERROR, Hamiltonian
from zoo.inference.mcmc.kernel import Facts
from zoo.inference.mcmc.potential import Potential
from zoo.inference.mcmc.sampler import Adaptive


@dataclass(kw_only=True, repr=False, eq=False)
class HMC(Adaptive):
    r"""Hamiltonian Monte Carlo: trajectories of a fixed or jittered length, accepted or rejected.

    .. math:: p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q), \quad q \leftarrow q + \epsilon M^{-1} p, \quad
        p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q)

    Step size by dual averaging and a diagonal mass matrix are adapted in warm-up.
    Should not be confused with Pyro's HMC, which turns `num_steps` into a trajectory
    length before it adapts the step size.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011)
        Hybrid Monte Carlo (Duane, Kennedy, Pendleton, Roweth, 1987)
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        num_steps: Leapfrog steps of each trajectory.
        trajectory_length: Length τ that replaces `num_steps`: every chain takes τ over
            its step size. It counts in units of the mass matrix, in which the posterior
            has about scale σ = 1, so that the quarter period τ = πσ/2 is `math.pi / 2`.
            Izmailov et al. have no mass matrix and the prior's σ: `math.pi * sigma / 2`
            with `adapt_mass_matrix=False`.
        max_steps: Most leapfrog steps of a trajectory that `trajectory_length` may ask
            for.
        jitter: Fraction j by which lengths vary, evenly between 1 - j and 1 + j times
            the above, from draw to draw: a fixed length may be a period of the target,
            and then a chain comes back to where it was.
        adapt_mass_matrix: Whether warm-up learns a mass matrix; else it is the
            identity.

    Example:
        >>> engine = inference.HMC(model, num_chains=2, warmup_steps=5, num_samples=5, progress=False)
        >>> engine.fit(data.train).info.n_steps.unique()
        tensor([50])
    """

    num_steps: int = 50
    trajectory_length: float | None = None
    max_steps: int = 1000
    jitter: float = 0.0
    adapt_mass_matrix: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("num_steps", "max_steps"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is a number of leapfrog steps, at least 1, not {getattr(self, name)}"
                )
        if self.trajectory_length is not None and not self.trajectory_length > 0:
            raise ValueError(
                f"trajectory_length is a positive length, math.pi / 2 say, not {self.trajectory_length}"
            )
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is a fraction between 0 and 1, not {self.jitter}")

    def windows(self) -> list[tuple[int, bool]]:
        """Divide warm-up into windows, one where there is no mass matrix to learn."""
        return (
            super().windows()
            if self.adapt_mass_matrix
            else [(self.warmup_steps, False)]
        )

    def steps_per_draw(self) -> int:
        """Guess the leapfrog steps of one draw."""
        return self.num_steps

    def kernel(self, potential: Potential, q: Tensor) -> FixedLength:
        """Make the kernel."""
        lengths = Lengths(
            self.num_steps, self.trajectory_length, self.max_steps, self.jitter
        )
        return FixedLength(potential, q, lengths, **self.adaptation(potential))


class Lengths(NamedTuple):
    """How long trajectories are: the fields of `HMC` of these names."""

    num_steps: int
    trajectory_length: float | None
    max_steps: int
    jitter: float

    def drawn(self, step_size: Tensor) -> Tensor:
        """Return each chain's number of leapfrog steps, (C,), given step sizes (C,)."""
        steps = torch.full_like(step_size, self.num_steps)
        if self.trajectory_length is not None:
            steps = (self.trajectory_length / step_size).clamp(max=self.max_steps)
        if self.jitter > 0:
            steps = steps * (
                1
                + self.jitter
                * (2 * torch.rand((), device=steps.device, dtype=steps.dtype) - 1)
            )
        return steps.round().clamp_min(1).long()


class Trajectories(Hamiltonian):
    """A kernel of whole trajectories, each accepted or rejected; a member says how long they are."""

    def steps(self) -> Tensor:
        """Return the leapfrog steps of each chain's next trajectory, (C,)."""
        raise NotImplementedError

    def transition(self) -> Facts:
        """Follow a trajectory with a fresh momentum, and accept or stay."""
        state = self.state
        start = torch.randn_like(state["u"])
        steps = self.steps()
        u, p, slope, energy = self.followed(start, steps)
        whole = state["energy"] + 0.5 * start.square().sum(-1)
        error = (energy + 0.5 * p.square().sum(-1) - whole).nan_to_num(nan=math.inf)
        acceptance = (-error).exp().clamp(max=1.0)
        accepted = torch.rand_like(acceptance) < acceptance
        self.proposed = u, p
        state["u"] = torch.where(accepted[:, None], u, state["u"])
        state["slope"] = torch.where(accepted[:, None], slope, state["slope"])
        state["energy"] = torch.where(accepted, energy, state["energy"])
        return {
            "acceptance_rate": acceptance,
            "diverging": error > LARGEST_ERROR,
            "n_steps": steps,
            "lp": -state["energy"],
            "energy": torch.where(accepted, whole + error, whole),
        }

    def followed(
        self, p: Tensor, steps: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return where trajectories end; a chain that is there before the others waits, its step size zero."""
        state, metric = self.state, self.metric
        u, slope, energy, step_size = (
            state["u"],
            state["slope"],
            state["energy"],
            state["step_size"],
        )
        first, last = int(steps.min()), int(steps.max())
        for number in range(last):
            if number >= first:
                step_size = torch.where(
                    steps > number, state["step_size"], torch.zeros_like(step_size)
                )
            u, p, slope, energy = self.leap(u, p, slope, step_size, *metric)
        self.num_gradients += last * self.num_chains
        return u, p, slope, energy


class FixedLength(Trajectories):
    """Trajectories of a given or jittered length."""

    def __init__(
        self, potential: Potential, q: Tensor, lengths: Lengths, **options: object
    ) -> None:
        super().__init__(potential, q, **options)
        self.lengths = lengths

    def steps(self) -> Tensor:
        """Draw the leapfrog steps of each chain's next trajectory."""
        return self.lengths.drawn(self.state["step_size"])
