"""MEADS: generalised Hamiltonian Monte Carlo, whose chains set each other's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from zoo.inference.mcmc.adaptation.windows import Window
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.generalised import FoldOptions, Generalised
from zoo.inference.mcmc.sampler import Sampler
from zoo.runtime.counts import check_count


@dataclass(kw_only=True, repr=False, eq=False)
class MEADS(Sampler):
    r"""Generalised Hamiltonian Monte Carlo with many chains, which set each other's parameters.

    .. math:: p \leftarrow \sqrt{1 - \alpha} \, p + \sqrt \alpha \, n, \quad
        \alpha = 1 - e^{-2 \epsilon \gamma}, \quad
        \epsilon = \frac{c}{\sqrt{\lambda_{\max}(E[g g^\top])}}, \quad
        \gamma = \frac{1}{\sqrt{\lambda_{\max}(\operatorname{Cov}[u])}}

    Each step is one leapfrog step. It is accepted, or the momentum is reversed; a slice
    variable that moves slowly decides, so that reversals are rare. Chains are in K folds.
    Scales, step size ε and damping γ of a fold come from the standardised positions u and
    gradients g of another fold, and one fold in turn waits. So every step is exact although
    adaptation never ends: there are no windows, and draws before `warmup_steps` are dropped
    only because the chains have not reached the target. Folds are drawn anew every K steps.

    Scales are standard deviations over chains. If chains are in different modes, as those of
    networks are, they contain the distances between modes, and steps are longer than a mode.

    A draw is the position after the steps in which a momentum is forgotten, 1 / (ε γ), so
    that one draw is about as informative as one of NUTS. Their number is fixed after warm-up.

    References:
        Tuning-Free Generalized Hamiltonian Monte Carlo (Hoffman, Sountsov, 2022)
        Non-reversibly updating a uniform [0, 1] value for Metropolis accept/reject decisions
        (Neal, 2020)

    Arguments:
        num_chains: Number of chains C, a multiple of the number of folds. More chains give
            better estimates of scales and steps.
        num_folds: Number of folds K, at least 2, with at least two chains each.
        num_steps: Steps of a draw; None takes those in which a momentum is forgotten.
        step_factor: Factor c of the step size. The largest stable step has about 2. Warm-up
            takes a smaller one while less than 0.8 of the steps are accepted, e.g. of chains
            that begin at a mode, where gradients are zero.

    Raises:
        ValueError: Chains that cannot be divided into folds, or a factor that is no positive
            number.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> engine = inference.MEADS(model, num_chains=8, num_steps=2, **short)
        >>> engine.fit(data.train)
        Posterior over 81 parameters at 4 sites: 8 chains of 5 draws
    """

    num_chains: int = 64
    num_folds: int = 4
    num_steps: int | None = None
    step_factor: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("num_folds", self.num_folds, minimum=2)
        if self.num_steps is not None:
            check_count("num_steps", self.num_steps)

        size, rest = divmod(self.num_chains, self.num_folds)
        if rest or size < 2:
            raise ValueError(
                "MEADS learns from folds of chains: num_chains must be a multiple of "
                f"num_folds={self.num_folds}, at least {2 * self.num_folds}, not "
                f"{self.num_chains}; use NUTS for few chains"
            )

        if not self.step_factor > 0:
            raise ValueError(
                f"step_factor must be a positive number, e.g. 0.5, not {self.step_factor}"
            )

    def steps_per_draw(self) -> int:
        """Estimate the steps of one draw."""
        return self.num_steps or 50

    def windows(self) -> Sequence[Window]:
        """Return one window: nothing is learned from stored draws."""
        return [Window(self.warmup_steps, learns=False)]

    def kernel(
        self, potential: Potential, q: Tensor, options: KernelOptions
    ) -> Generalised:
        """Make the kernel."""
        folds = FoldOptions(self.num_folds, self.step_factor, self.num_steps)
        return Generalised(potential, q, options, folds)
