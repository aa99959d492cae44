"""The no-U-turn sampler."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.inference.chains import Adaptive
from zoo.inference.hmc import FixedLength
from zoo.inference.potential import Potential


@dataclass(kw_only=True, repr=False, eq=False)
class NUTS(Adaptive):
    r"""Hamiltonian Monte Carlo whose trajectories grow until they turn back; the truth on small networks.

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo (Hoffman, Gelman, 2014)
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)

    Arguments:
        max_tree_depth: A trajectory has at most 2^max_tree_depth - 1 leapfrog steps.

    Example:
        >>> engine = inference.NUTS(model, num_chains=2, warmup_steps=5, num_samples=5, progress=False)
        >>> engine.fit(data.train)
        Posterior over 81 numbers at 4 sites: 2 chains of 5 draws
    """

    max_tree_depth: int = 8

    def kernel(self, potential: Potential, q: Tensor) -> FixedLength:
        """Stand in until the tree is there."""
        return FixedLength(potential, q, 2 ** min(self.max_tree_depth, 5) - 1, **self.adaptation(potential))
