"""The no-U-turn sampler (NUTS)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.inference.mcmc.adaptive import Adaptive
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.no_u_turn import NoUTurn


@dataclass(kw_only=True, repr=False, eq=False)
class NUTS(Adaptive):
    r"""No-U-Turn sampler: Hamiltonian Monte Carlo whose trajectories grow until they turn back.

    It is the reference for small networks.

    A trajectory doubles, forward or backward in time, until its ends move towards each
    other. The draw is one of its points, with probability proportional to :math:`e^{-H}` and
    with a preference for the last doubling. Warm-up adapts the step size by dual averaging
    and a diagonal mass matrix. A chain begins its next trajectory as soon as the last one has
    ended; chains wait for each other only at the end of a block of draws. On a CPU, as many
    chains move together as its cache holds, and others take their turns.

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo
        (Hoffman, Gelman, 2014)
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)
        Composable Effects for Flexible and Accelerated Probabilistic Programming in NumPyro
        (Phan, Pradhan, Jankowiak, 2019)
        Efficiently Vectorized MCMC on Modern Accelerators (Dance, Glaser, Orbanz, Adams, 2025)

    Arguments:
        max_tree_depth: A trajectory has at most 2^max_tree_depth - 1 leapfrog steps. Shorter
            trajectories are valid too, but each draw then moves less far.

    Raises:
        ValueError: A depth below 1.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> engine = inference.NUTS(model, num_chains=2, **short)
        >>> engine.fit(data.train)
        Posterior over 81 parameters at 4 sites: 2 chains of 5 draws
    """

    max_tree_depth: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_tree_depth < 1:
            raise ValueError(
                "max_tree_depth must be a number of doublings, at least 1, not "
                f"{self.max_tree_depth}"
            )

    def steps_per_draw(self) -> int:
        """Estimate the leapfrog steps of one draw: networks take hundreds."""
        return 2 ** min(self.max_tree_depth - 1, 8)

    def kernel(
        self, potential: Potential, q: Tensor, options: KernelOptions
    ) -> NoUTurn:
        """Make the kernel."""
        return NoUTurn(potential, q, options, self.max_tree_depth)
