"""Microcanonical Langevin Monte Carlo: a walk at unit speed, as it is or Metropolis-adjusted."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.inference.mcmc.microcanonical import INTEGRATORS
from zoo.inference.mcmc.microcanonical_kernel import Adjusted, Langevin
from zoo.inference.mcmc.potential import Potential
from zoo.inference.mcmc.sampler import Adaptive

SHARES = (
    0.1,
    0.15,
    0.25,
    0.2,
    0.3,
)  # of warm-up: step sizes alone, two windows for the metric, two for L


@dataclass(kw_only=True, repr=False, eq=False)
class MCLMC(Adaptive):
    r"""Microcanonical Langevin Monte Carlo: a walk at unit speed that the gradient turns and a little noise deflects.

    .. math:: dq = v \, dt, \quad
        dv = (I - v v^\top) \Big( -\frac{\nabla U(q)}{P - 1} dt + \sqrt{\frac{2}{L P}} \, dW \Big), \quad |v| = 1

    Every step is kept, so draws have a bias, which falls with the cube root of
    `desired_energy_variance`: variances of a normal target come out 2.2 % too small at
    the published 5e-4 and 1 % at 5e-5. `adjusted=True` follows trajectories without
    noise, accepts or rejects each, and is exact. A draw is what comes after one
    decoherence length L, that is L / ε steps, so that it is about as worth storing as
    one of NUTS. `n_steps` counts its gradients, `acceptance_rate` is 1 unless adjusted,
    and `diverging` marks draws on whose way a step met no finite energy and was undone.
    At unit speed a standard normal in P dimensions has scale √P, and ε and L count in
    that.

    Warm-up adapts ε to the energy error, learns the mass matrix, and sets L = 0.4 ε τ
    from an autocorrelation time of τ steps, for every chain its own. With less than 20
    draws it adapts ε alone.

    References:
        Microcanonical Hamiltonian Monte Carlo (Robnik, De Luca, Silverstein, Seljak, 2023)
        Fluctuation without Dissipation: Microcanonical Langevin Monte Carlo (Robnik, Seljak, 2024)
        Metropolis Adjusted Microcanonical Hamiltonian Monte Carlo (Robnik, Cohn-Gordon, Seljak, 2025)
        Microcanonical Langevin Ensembles: Advancing the Sampling of Bayesian Neural Networks (Sommer, Robnik, Nozadze,
        Seljak, Rügamer, 2025)

    Arguments:
        adjusted: Whether whole trajectories are accepted or rejected.
        desired_energy_variance: Variance of a step's energy error in nats squared, per
            dimension, unless adjusted.
        num_steps: Steps of a draw; in the mean over trajectories where adjusted. None
            takes one decoherence length.
        integrator: "mclachlan", with two gradients a step, or "leapfrog", with one.
        target_accept_prob: Acceptance that the step size is adapted to, where adjusted.

    Example:
        >>> engine = inference.MCLMC(model, num_chains=2, warmup_steps=5, num_samples=5, num_steps=10, progress=False)
        >>> engine.fit(data.train).info.n_steps.unique()
        tensor([20])
    """

    adjusted: bool = False
    desired_energy_variance: float = 5e-4
    num_steps: int | None = None
    integrator: str = "mclachlan"
    target_accept_prob: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.desired_energy_variance > 0:
            raise ValueError(
                f"desired_energy_variance is a positive number, not {self.desired_energy_variance}"
            )
        if self.num_steps is not None and self.num_steps < 1:
            raise ValueError(
                f"num_steps is a number of steps, at least 1, or None, not {self.num_steps}"
            )
        if self.integrator not in INTEGRATORS:
            raise ValueError(
                f"integrator is one of {', '.join(map(repr, INTEGRATORS))}, not {self.integrator!r}"
            )

    def steps_per_draw(self) -> int:
        """Guess the steps of one draw."""
        return self.num_steps or 50

    def windows(self) -> list[tuple[int, bool]]:
        """Divide warm-up: step sizes alone, twice the metric, twice the decoherence length."""
        if self.warmup_steps < 20:
            return [(self.warmup_steps, False)]
        counts = [int(share * self.warmup_steps) for share in SHARES[:-1]]
        counts.append(self.warmup_steps - sum(counts))
        return [(count, number > 0) for number, count in enumerate(counts)]

    def kernel(self, potential: Potential, q: Tensor) -> Langevin:
        """Make the kernel."""
        if potential.size < 2:
            raise ValueError(
                "a velocity of unit length needs two numbers to turn in, and the model has one; use NUTS"
            )
        kind = Adjusted if self.adjusted else Langevin
        return kind(
            potential,
            q,
            parts=INTEGRATORS[self.integrator],
            energy_variance=self.desired_energy_variance,
            num_steps=self.num_steps,
            **self.adaptation(potential),
        )
