"""The base of samplers that adapt step sizes and a mass matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoo.inference.mcmc.adaptation.mass_matrix import METRICS, Metric
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.sampler import Sampler


@dataclass(kw_only=True, repr=False, eq=False)
class Adaptive(Sampler):
    """The base of samplers that adapt step sizes by dual averaging and learn a mass matrix.

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo
        (Hoffman, Gelman, 2014)
        Preconditioning Hamiltonian Monte Carlo by Minimizing Fisher Divergence (Seyboldt,
        Carlson, Carpenter, 2025)

    Arguments:
        target_accept_prob: Acceptance probability that the step size is adapted to.
        full_mass: Whether the mass matrix is dense instead of diagonal: for correlated
            posteriors of a few hundred parameters, with a warm-up of a few hundred draws.
        mass_rank: Number K of directions next to the diagonal, for correlated posteriors of
            more parameters. Directions and their scales are learnt from different draws.
        metric: What the diagonal is learnt from: "fisher", variances of draws over those of
            gradients, whose square root is the squared scale; "variance", variances of draws
            alone, as in Stan; "hessian", variances of gradients alone, which are mean second
            derivatives.
        shared_mass: Whether all chains learn one mass matrix together, from more draws: if
            they are in one mode.
    """

    target_accept_prob: float = 0.8
    full_mass: bool = False
    mass_rank: int = 0
    shared_mass: bool = False
    metric: Metric = "fisher"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.target_accept_prob < 1:
            raise ValueError(
                "target_accept_prob must be a probability between 0 and 1, not "
                f"{self.target_accept_prob}"
            )

        if self.mass_rank < 0:
            raise ValueError(
                f"mass_rank must be a number of directions, at least 0, not {self.mass_rank}"
            )

        if self.metric not in METRICS:
            names = ", ".join(map(repr, METRICS))
            raise ValueError(f"metric must be one of {names}, not {self.metric!r}")

    def kernel_options(self, potential: Potential) -> KernelOptions:
        """Return the settings of the kernel."""
        rank = potential.size if self.full_mass else self.mass_rank
        return replace(
            super().kernel_options(potential),
            target_accept_prob=self.target_accept_prob,
            mass_rank=min(rank, potential.size),
            shared_mass=self.shared_mass,
            metric=self.metric,
        )
