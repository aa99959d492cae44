"""Microcanonical Langevin Monte Carlo (MCLMC), unadjusted or Metropolis-adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zoo.inference.mcmc.adaptation.windows import MIN_WARMUP, Window
from zoo.inference.mcmc.adaptive import Adaptive
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.adjusted_kernel import Adjusted
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.microcanonical import INTEGRATORS
from zoo.inference.mcmc.kernels.microcanonical_kernel import Langevin, LangevinOptions

# fractions of warm-up: step sizes alone, two windows for the mass matrix, two for L
_WINDOWS = (0.1, 0.15, 0.25, 0.2, 0.3)


@dataclass(kw_only=True, repr=False, eq=False)
class MCLMC(Adaptive):
    r"""Microcanonical Langevin dynamics: a path of constant speed, turned by gradient and noise.

    .. math:: dq = v \, dt, \quad
        dv = (I - v v^\top) \Big( -\frac{\nabla U(q)}{P - 1} dt
        + \sqrt{\frac{2}{L P}} \, dW \Big), \quad |v| = 1

    Every step is accepted, so draws have a bias. It decreases with the cube root of
    `desired_energy_variance`: variances of a normal target are 2.2 % too small at the
    published 5e-4 and 1 % at 5e-5. `adjusted=True` follows trajectories without noise,
    accepts or rejects each, and is exact.

    A draw is the position after one decoherence length L, that is L / ε steps, so that one
    draw is about as informative as one of NUTS. `n_steps` counts its gradients,
    `acceptance_rate` is 1 unless adjusted, and `diverging` marks draws with a step that was
    undone because its energy was not finite. At unit speed a standard normal in P dimensions
    has scale √P; ε and L have this unit.

    Warm-up adapts ε to the energy error, learns the mass matrix, and sets L = 0.4 ε τ from an
    autocorrelation time of τ steps, for every chain separately. With fewer than 20 draws it
    adapts ε alone.

    References:
        Microcanonical Hamiltonian Monte Carlo (Robnik, De Luca, Silverstein, Seljak, 2023)
        Fluctuation without Dissipation: Microcanonical Langevin Monte Carlo (Robnik, Seljak, 2024)
        Metropolis Adjusted Microcanonical Hamiltonian Monte Carlo (Robnik, Cohn-Gordon, Seljak,
        2025)
        Microcanonical Langevin Ensembles: Advancing the Sampling of Bayesian Neural Networks
        (Sommer, Robnik, Nozadze, Seljak, Rügamer, 2025)

    Arguments:
        adjusted: Whether whole trajectories are accepted or rejected.
        desired_energy_variance: Variance of the energy error of a step in nats squared, per
            dimension, unless adjusted.
        num_steps: Steps of a draw; if adjusted, their mean over trajectories. None takes one
            decoherence length.
        integrator: "mclachlan", with two gradients a step, or "leapfrog", with one.
        target_accept_prob: Acceptance probability that the step size is adapted to, if
            adjusted.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> engine = inference.MCLMC(model, num_chains=2, num_steps=10, **short)
        >>> engine.fit(data.train).info.n_steps.unique()
        tensor([20])
    """

    adjusted: bool = False
    desired_energy_variance: float = 5e-4
    num_steps: int | None = None
    integrator: Literal["leapfrog", "mclachlan"] = "mclachlan"
    target_accept_prob: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()

        variance = self.desired_energy_variance
        if not variance > 0:
            raise ValueError(
                f"desired_energy_variance must be a positive number, not {variance}"
            )

        if self.num_steps is not None and self.num_steps < 1:
            raise ValueError(
                f"num_steps must be a number of steps, at least 1, or None, not {self.num_steps}"
            )

        if self.integrator not in INTEGRATORS:
            names = ", ".join(map(repr, INTEGRATORS))
            raise ValueError(
                f"integrator must be one of {names}, not {self.integrator!r}"
            )

    def steps_per_draw(self) -> int:
        """Estimate the steps of one draw."""
        return self.num_steps or 50

    def windows(self) -> Sequence[Window]:
        """Divide warm-up: step sizes alone, then the mass matrix, then the decoherence length."""
        if self.warmup_steps < MIN_WARMUP:
            return [Window(self.warmup_steps, learns=False)]

        counts = [int(fraction * self.warmup_steps) for fraction in _WINDOWS[:-1]]
        counts.append(self.warmup_steps - sum(counts))

        windows = [Window(counts[0], learns=False)]
        for count in counts[1:]:
            windows.append(Window(count, learns=True))

        return windows

    def kernel(
        self, potential: Potential, q: Tensor, options: KernelOptions
    ) -> Langevin:
        """Make the kernel."""
        if potential.size < 2:
            raise ValueError(
                "MCLMC needs a model of at least two parameters, because its velocity has a "
                "fixed length and can only turn; use NUTS for one parameter"
            )

        kind = Adjusted if self.adjusted else Langevin
        settings = LangevinOptions(
            fractions=INTEGRATORS[self.integrator],
            energy_variance=self.desired_energy_variance,
            num_steps=self.num_steps,
        )

        return kind(potential, q, options, settings)
