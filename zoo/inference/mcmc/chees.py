"""ChEES-HMC: Hamiltonian Monte Carlo that learns one trajectory length from many chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zoo.inference.mcmc.adaptive import Adaptive
from zoo.inference.mcmc.arguments import check_num_leapfrog
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.learned_length import LearnedLength

_CRITERIA = ("chees", "snaper")


@dataclass(kw_only=True, repr=False, eq=False)
class ChEES(Adaptive):
    r"""Hamiltonian Monte Carlo with many chains, which learn one trajectory length together.

    Warm-up maximises, by stochastic gradient ascent, the change in the estimator of the
    expected square between the start u and the end u' of a trajectory, divided by the square
    root of its length τ,

    .. math:: \tfrac{1}{4 \sqrt\tau} E\big[(|u' - E u|^2 - |u - E u|^2)^2\big],

    in the coordinates of the mass matrix; expectations are means over chains. The change alone
    (Hoffman et al.) is as large after two or ten half turns as after one, so that lengths of
    small models can be ten times too long. `criterion="snaper"` takes the components of u and
    u' along the direction in which chains vary most instead, and divides by the length,

    .. math:: \tfrac{1}{4 \tau} E\big[\big((w^\top (u' - E u))^2
        - (w^\top (u - E u))^2\big)^2\big],

    so that many directions of small scale do not hide the slow one. A low-discrepancy
    sequence jitters lengths between zero and the learned one. All chains take equally many
    steps, so none waits, which suits a GPU and a hundred chains.

    If chains stay in different modes, as those of networks do, the criterion also contains
    the squared jumps between modes. Lengths then grew to their bound, so choose `max_steps`.

    References:
        An Adaptive-MCMC Scheme for Setting Trajectory Lengths in Hamiltonian Monte Carlo
        (Hoffman, Radul, Sountsov, 2021)
        Focusing on Difficult Directions for Learning HMC Trajectory Lengths (Sountsov, Hoffman,
        2021)

    Arguments:
        num_chains: Number of chains C, at least 2. More chains learn with less noise.
        target_accept_prob: Acceptance probability, the harmonic mean over chains, that the
            step size is adapted to.
        shared_mass: Whether all chains learn one mass matrix together.
        num_steps: Leapfrog steps of the longest trajectory in the first window of warm-up. The
            criterion has a first maximum where most directions are explored. Gradient ascent
            from a few steps stops there, while some directions have hardly moved, so begin
            with more. With "snaper" two are enough. Each new mass matrix has another unit, in
            which the length begins at a quarter of a period, π/2.
        max_steps: Largest number of leapfrog steps of a trajectory.
        criterion: "chees", a sum over all directions, or "snaper", of the slowest one.

    Raises:
        ValueError: A single chain, a trajectory without steps, or an unknown criterion.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> engine = inference.ChEES(model, num_chains=4, **short)
        >>> engine.fit(data.train)
        Posterior over 81 parameters at 4 sites: 4 chains of 5 draws
    """

    num_chains: int = 16
    target_accept_prob: float = 0.651
    shared_mass: bool = True
    num_steps: int = 100
    max_steps: int = 1000
    criterion: Literal["chees", "snaper"] = "chees"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_chains < 2:
            raise ValueError(
                "ChEES learns from differences between chains: num_chains must be at least 2, "
                f"not {self.num_chains}; use NUTS for one chain"
            )

        check_num_leapfrog("num_steps", self.num_steps)
        check_num_leapfrog("max_steps", self.max_steps)
        if self.criterion not in _CRITERIA:
            names = ", ".join(map(repr, _CRITERIA))
            raise ValueError(
                f"criterion must be one of {names}, not {self.criterion!r}"
            )

    def steps_per_draw(self) -> int:
        """Estimate the leapfrog steps of one draw."""
        return min(self.num_steps, self.max_steps)

    def kernel(
        self, potential: Potential, q: Tensor, options: KernelOptions
    ) -> LearnedLength:
        """Make the kernel."""
        return LearnedLength(
            potential, q, options, self.num_steps, self.max_steps, self.criterion
        )
