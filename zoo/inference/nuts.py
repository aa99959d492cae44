"""The no-U-turn sampler on Pyro's kernel."""

from __future__ import annotations

from zoo.inference.chains import Sampler
from zoo.inference.kernels import StoredGradient
from zoo.inference.potential import Potential
from zoo.model import BayesianNetwork


class NUTS(Sampler):
    r"""Hamiltonian Monte Carlo whose trajectories grow until they turn back; the truth on small networks.

    Step size by dual averaging and a diagonal mass matrix are adapted in warm-up.

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo (Hoffman, Gelman, 2014)
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)

    Arguments:
        model: A model without point estimates.
        num_chains: Number of chains C, advanced in turn.
        warmup_steps: Draws per chain before sampling, in which the kernel adapts.
        num_samples: Draws per chain S that are kept.
        max_tree_depth: A trajectory has at most 2^max_tree_depth - 1 leapfrog steps. Shorter ones are valid too;
            each draw then moves less far. Stan and Pyro stop at 10, which on stiff networks is a second per draw.
        target_accept_prob: Acceptance that the step size is adapted to.
        full_mass: Whether the mass matrix is dense instead of diagonal: for correlated posteriors of a few hundred
            numbers, given a warm-up of some hundred draws.
        temperature: Temperature T of the whole posterior: draws are from one proportional to p(y, z)^(1/T).
        likelihood_temperature: Temperature T_l of the likelihood alone.
        compile: Whether to compile the potential; None compiles where there is a compiler.
        progress: Whether to show a progress bar.

    Example:
        >>> engine = inference.NUTS(model, num_chains=2, warmup_steps=5, num_samples=5, progress=False, compile=False)
        >>> engine.fit(data.train)
        Posterior over 81 numbers at 4 sites: 2 chains of 5 draws
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        num_chains: int = 4,
        warmup_steps: int = 500,
        num_samples: int = 500,
        max_tree_depth: int = 8,
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
        if max_tree_depth < 1:
            raise ValueError(f"max_tree_depth is a number of doublings, at least 1, not {max_tree_depth}")
        self.max_tree_depth = max_tree_depth

    def kernel(self, potential: Potential) -> StoredGradient:
        """Make Pyro's kernel."""
        return StoredGradient(
            potential,
            max_tree_depth=self.max_tree_depth,
            target_accept_prob=self.target_accept_prob,
            full_mass=self.full_mass,
        )
