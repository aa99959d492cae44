"""Parallel tempering: chains from the prior to the posterior that swap positions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.inference.mcmc.adaptive import Adaptive
from zoo.inference.mcmc.arguments import check_num_leapfrog
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.density.proper_prior import refuse_improper
from zoo.inference.mcmc.hmc import FixedLength, Lengths
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.kernel import Kernel
from zoo.inference.mcmc.kernels.no_u_turn import NoUTurn
from zoo.inference.mcmc.kernels.replicas import Replicas


@dataclass(kw_only=True, repr=False, eq=False)
class ParallelTempering(Adaptive):
    r"""Non-reversible parallel tempering, for posteriors with modes that chains do not leave.

    .. math:: \pi_\beta(z) \propto p(z) \, p(y \mid z)^\beta, \qquad
        \alpha = \min\big(1, e^{(\beta' - \beta)(\log p(y|z) - \log p(y|z'))}\big)

    Each chain has a position z for each of R powers β from 0, the prior, to 1, the posterior.
    All of them move by Hamiltonian Monte Carlo; that of the prior is a new draw. After
    each move, neighbours swap their positions with probability α, every second pair in turn.
    So positions travel from the prior, where nothing holds them, to the posterior, and what
    arrives is in a mode with the mode's probability. Only draws at β = 1 are stored.

    Warm-up spaces the powers so that all neighbours reject equally often. The sum Λ of
    their rejection rates, `info.barrier`, depends on the model and the data alone. Write
    about `num_temperatures=2Λ`; a round trip takes 2 + 2Λ draws or more, and
    `info.round_trips` counts them. `info.log_evidence` is the log evidence, which costs
    nothing more. A draw costs R times that of one chain of HMC.

    References:
        Non-reversible parallel tempering: a scalable highly parallel MCMC scheme (Syed,
        Bouchard-Côté, Deligiannidis, Doucet, 2022)
        Replica Monte Carlo simulation of spin glasses (Swendsen, Wang, 1986)
        Simulating ratios of normalizing constants via a simple identity (Meng, Wong, 1996)

    Arguments:
        num_temperatures: Number of powers R, at least 2.
        num_steps: Leapfrog steps of each trajectory of HMC; None for the trees of NUTS, where
            all positions wait for the longest tree.
        jitter: Fraction j by which lengths vary from draw to draw, as in `HMC`.

    Raises:
        ValueError: Fewer than two powers, a shared mass matrix, a prior that cannot be
            drawn from.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> engine = inference.ParallelTempering(model, num_chains=2, **short)
        >>> posterior = engine.fit(data.train)
        >>> posterior.info.powers.shape, posterior.info.log_evidences.shape
        (torch.Size([2, 10]), torch.Size([2]))
    """

    num_temperatures: int = 10
    num_steps: int | None = 10
    jitter: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_temperatures < 2:
            raise ValueError(
                "num_temperatures must be a number of powers, at least 2 for the prior and the "
                f"posterior, not {self.num_temperatures}; use HMC for the posterior alone"
            )

        if self.num_steps is not None:
            check_num_leapfrog("num_steps", self.num_steps)

        if not 0 <= self.jitter <= 1:
            raise ValueError(
                f"jitter must be a fraction between 0 and 1, not {self.jitter}"
            )

        if self.shared_mass:
            raise ValueError(
                "shared_mass must be False, not True, because positions at different powers "
                "have different scales; omit it"
            )

    def steps_per_draw(self) -> int:
        """Estimate the leapfrog steps of one draw."""
        return self.num_steps or 32

    def kernel(
        self, potential: Potential, q: Tensor, options: KernelOptions
    ) -> Replicas:
        """Make the kernel."""
        refuse_improper("ParallelTempering", potential)

        return Replicas(potential, q, options, self.num_temperatures, self._inner)

    def _inner(self, potential: Potential, q: Tensor, options: KernelOptions) -> Kernel:
        """Make the kernel that moves the positions at all powers."""
        if self.num_steps is None:
            return NoUTurn(potential, q, options, max_tree_depth=10)

        lengths = Lengths(self.num_steps, None, self.num_steps, self.jitter)

        return FixedLength(potential, q, options, lengths)
