"""Hamiltonian Monte Carlo: trajectories of a fixed or jittered length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.windows import Window
from zoo.inference.mcmc.adaptive import Adaptive
from zoo.inference.mcmc.arguments import check_num_leapfrog
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.trajectories import Trajectories


@dataclass(kw_only=True, repr=False, eq=False)
class HMC(Adaptive):
    r"""Hamiltonian Monte Carlo: trajectories of a fixed or jittered length, accepted or rejected.

    .. math:: p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q), \quad
        q \leftarrow q + \epsilon M^{-1} p, \quad
        p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q)

    Warm-up adapts the step size by dual averaging and a diagonal mass matrix. Not to be
    confused with Pyro's HMC, which converts `num_steps` into a trajectory length before it
    adapts the step size.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011)
        Hybrid Monte Carlo (Duane, Kennedy, Pendleton, Roweth, 1987)
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman,
        Wilson, 2021)

    Arguments:
        num_steps: Leapfrog steps of each trajectory.
        trajectory_length: Length τ, instead of `num_steps`: every chain takes τ over its step
            size. Its unit is that of the mass matrix, in which the posterior has about scale
            σ = 1, so that the quarter period τ = πσ/2 is `math.pi / 2`. Izmailov et al. use
            no mass matrix and the σ of the prior: `math.pi * sigma / 2` with
            `adapt_mass_matrix=False`.
        max_steps: Largest number of leapfrog steps that `trajectory_length` may lead to.
        jitter: Fraction j. Lengths are uniform between 1 - j and 1 + j times the above, and
            change from draw to draw. A fixed length may be a period of the target; then a
            chain returns to its initial position.
        adapt_mass_matrix: Whether warm-up learns a mass matrix; otherwise it is the identity.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> engine = inference.HMC(model, num_chains=2, **short)
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
        check_num_leapfrog("num_steps", self.num_steps)
        check_num_leapfrog("max_steps", self.max_steps)

        length = self.trajectory_length
        if length is not None and not length > 0:
            raise ValueError(
                f"trajectory_length must be a positive number, e.g. math.pi / 2, not {length}"
            )

        if not 0 <= self.jitter <= 1:
            raise ValueError(
                f"jitter must be a fraction between 0 and 1, not {self.jitter}"
            )

    def windows(self) -> Sequence[Window]:
        """Divide warm-up into windows; a single one if there is no mass matrix to learn."""
        if not self.adapt_mass_matrix:
            return [Window(self.warmup_steps, learns=False)]

        return super().windows()

    def steps_per_draw(self) -> int:
        """Estimate the leapfrog steps of one draw."""
        return self.num_steps

    def kernel(
        self, potential: Potential, q: Tensor, options: KernelOptions
    ) -> FixedLength:
        """Make the kernel."""
        lengths = Lengths(
            self.num_steps, self.trajectory_length, self.max_steps, self.jitter
        )
        return FixedLength(potential, q, options, lengths)


class Lengths(NamedTuple):
    """The lengths of trajectories: the arguments of `HMC` with these names."""

    num_steps: int
    trajectory_length: float | None
    max_steps: int
    jitter: float

    def draw(self, step_size: Tensor, num_draws: int) -> Tensor:
        """Return leapfrog steps of draws of each chain (S, C), given step sizes (C,)."""
        if self.trajectory_length is None:
            steps = torch.full_like(step_size, self.num_steps)
        else:
            steps = (self.trajectory_length / step_size).clamp(max=self.max_steps)

        steps = steps.expand(num_draws, -1)
        if self.jitter > 0:
            uniform = torch.rand(num_draws, 1).to(steps)
            symmetric = 2 * uniform - 1
            steps = steps * (1 + self.jitter * symmetric)

        return steps.round().clamp_min(1).long()


class FixedLength(Trajectories):
    """Trajectories of a given or jittered length.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings.
        lengths: The lengths of trajectories.
    """

    def __init__(
        self, potential: Potential, q: Tensor, options: KernelOptions, lengths: Lengths
    ) -> None:
        super().__init__(potential, q, options)
        self.lengths = lengths

    def draw_lengths(self, num_draws: int) -> Tensor:
        """Draw the leapfrog steps of the next trajectories, (S, C)."""
        return self.lengths.draw(self.step_size, num_draws)
