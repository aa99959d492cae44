"""Hamiltonian Monte Carlo with a fixed number of leapfrog steps, on Pyro's kernel."""

from __future__ import annotations

from zoo.inference.chains import Sampler
from zoo.inference.kernels import FixedSteps
from zoo.inference.potential import Potential
from zoo.model import BayesianNetwork


class HMC(Sampler):
    r"""Hamiltonian Monte Carlo: trajectories of a fixed number of leapfrog steps, accepted or rejected.

    .. math:: p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q), \quad q \leftarrow q + \epsilon M^{-1} p, \quad
        p \leftarrow p - \tfrac{\epsilon}{2} \nabla U(q)

    Step size by dual averaging and a diagonal mass matrix are adapted in warm-up. Should not be confused with
    Pyro's HMC, which turns `num_steps` into a trajectory length before it adapts the step size.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011)
        Hybrid Monte Carlo (Duane, Kennedy, Pendleton, Roweth, 1987)

    Arguments:
        model: A model without point estimates.
        num_chains: Number of chains C, advanced in turn.
        warmup_steps: Draws per chain before sampling, in which the kernel adapts.
        num_samples: Draws per chain S that are kept.
        num_steps: Leapfrog steps of each trajectory.
        target_accept_prob: Acceptance that the step size is adapted to.
        full_mass: Whether the mass matrix is dense instead of diagonal: for correlated posteriors of a few hundred
            numbers, given a warm-up of some hundred draws.
        temperature: Temperature T of the whole posterior: draws are from one proportional to p(y, z)^(1/T).
        likelihood_temperature: Temperature T_l of the likelihood alone.
        compile: Whether to compile the potential; None compiles where there is a compiler.
        progress: Whether to show a progress bar.

    Example:
        >>> engine = inference.HMC(model, num_chains=2, warmup_steps=5, num_samples=5, progress=False, compile=False)
        >>> engine.fit(data.train).info.n_steps.unique()
        tensor([50])
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        num_chains: int = 4,
        warmup_steps: int = 500,
        num_samples: int = 500,
        num_steps: int = 50,
        target_accept_prob: float = 0.8,
        full_mass: bool = False,
        temperature: float = 1.0,
        likelihood_temperature: float = 1.0,
        compile: bool | None = None,
        progress: bool = True,
    ) -> None:
        super().__init__(
            model,
            num_chains=num_chains,
            warmup_steps=warmup_steps,
            num_samples=num_samples,
            target_accept_prob=target_accept_prob,
            full_mass=full_mass,
            temperature=temperature,
            likelihood_temperature=likelihood_temperature,
            compile=compile,
            progress=progress,
        )
        if num_steps < 1:
            raise ValueError(f"num_steps is a number of leapfrog steps, at least 1, not {num_steps}")
        self.num_steps = num_steps

    def kernel(self, potential: Potential) -> FixedSteps:
        """Make Pyro's kernel, the number of steps fixed."""
        return FixedSteps(
            potential, self.num_steps, target_accept_prob=self.target_accept_prob, full_mass=self.full_mass
        )
