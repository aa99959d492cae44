"""Metropolis-adjusted microcanonical sampling (MAMS): whole trajectories, accepted or rejected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.adjusted_kernel import Adjusted
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.microcanonical import INTEGRATORS
from zoo.inference.mcmc.kernels.path_kernel import LangevinOptions
from zoo.inference.mcmc.microcanonical import Microcanonical

_FIRST_ENERGY_VARIANCE = 5e-4  # of the first step size, as in MCLMC


@dataclass(kw_only=True, repr=False, eq=False)
class MAMS(Microcanonical):
    r"""Metropolis-adjusted microcanonical sampling: trajectories of constant speed, exact.

    A trajectory begins with a random direction, follows the dynamics of `MCLMC`, and is
    accepted or rejected by the change of its energy,

    .. math:: \min(1, e^{-\Delta}), \quad
        \Delta = \Delta U + (P - 1) \sum_n \log(\cosh \delta_n + e_n^\top v_n \sinh \delta_n)

    with the sum over the turns of the velocity. Lengths are uniform up to twice their mean
    L. `refreshment` is the Langevin variant of the paper: noise turns the velocity after
    every step too, and does not enter the energy error, because it leaves the uniform
    distribution of directions as it is.

    Warm-up adapts ε to the acceptance probability by dual averaging, learns the mass matrix,
    sets L = 0.5 ε τ from an autocorrelation time of τ steps, for every chain separately, and
    adapts ε again to trajectories of that length. With fewer than 20 draws it adapts ε alone.

    References:
        Metropolis Adjusted Microcanonical Hamiltonian Monte Carlo (Robnik, Cohn-Gordon, Seljak,
        2025)
        Microcanonical Hamiltonian Monte Carlo (Robnik, De Luca, Silverstein, Seljak, 2023)

    Arguments:
        target_accept_prob: Acceptance probability that the step size is adapted to.
        num_steps: Mean steps of a trajectory. None takes one decoherence length.
        integrator: "mclachlan", with two gradients a step, or "leapfrog", with one.
        refreshment: Decoherence length of the noise along a trajectory, in mean lengths L of
            trajectories; the paper has 1.25. None has no noise.

    Raises:
        ValueError: A refreshment that is not positive.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> engine = inference.MAMS(model, num_chains=2, num_steps=3, **short)
        >>> engine.fit(data.train)
        Posterior over 81 parameters at 4 sites: 2 chains of 5 draws
    """

    target_accept_prob: float = 0.9
    refreshment: float | None = None

    # the last one adapts the step sizes to trajectories of the length that was learned
    fractions: ClassVar[tuple[float, ...]] = (0.1, 0.15, 0.2, 0.15, 0.25, 0.15)
    learns_last: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.refreshment is not None and not self.refreshment > 0:
            raise ValueError(
                "refreshment must be a positive number of trajectory lengths, e.g. 1.25, or "
                f"None, not {self.refreshment}"
            )

    def kernel(
        self, potential: Potential, q: Tensor, options: KernelOptions
    ) -> Adjusted:
        """Make the kernel."""
        self.check_size(potential)
        settings = LangevinOptions(
            fractions=INTEGRATORS[self.integrator],
            energy_variance=_FIRST_ENERGY_VARIANCE,
            num_steps=self.num_steps,
        )
        refreshment = math.inf if self.refreshment is None else self.refreshment

        return Adjusted(potential, q, options, settings, refreshment)
