"""What an engine reports of a run: facts, no verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class SVIInfo:
    """Facts of an SVI run.

    Arguments:
        losses: Negative ELBO of each step in nats per datum, (T,).
        bound: Whether the negative loss is a lower bound of the log evidence, as the
            guide declares; False where a temperature is not 1, or the likelihood
            observes more than the targets.
        num_steps: Gradient steps taken.
        num_parameters: Numbers optimised, the guide's and the point estimates.
        seconds: Wall time.
        stopped: Why the run ended before its time ("" where it did not): interrupted,
            early stopping, a NaN loss.
        held_out: Negative log likelihood per datum on the held-out part, at each check
            of early stopping.
        compiled: How a step was run: "plain", "traced", "compiled" or "captured".
        seconds_tracing: Wall time of tracing and compiling.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.
    """

    losses: Tensor
    bound: bool | None
    num_steps: int
    num_parameters: int
    seconds: float
    stopped: str = ""
    held_out: list[float] = field(default_factory=list)
    compiled: str = "plain"
    seconds_tracing: float = 0.0
    temperature: float = 1.0
    likelihood_temperature: float = 1.0


@dataclass
class MCMCInfo:
    """Facts of a run of HMC or NUTS, with ArviZ's names for what there is one of per draw.

    Arguments:
        acceptance_rate: Acceptance statistic of each draw, (C, S).
        diverging: Whether the trajectory diverged, (C, S).
        n_steps: Leapfrog steps of each draw, (C, S).
        lp: Log joint density in unconstrained space, at its temperatures, up to a
            constant, (C, S).
        step_size: Step size of each chain after warm-up, (C,).
        num_gradients: Gradients evaluated in all, warm-up included.
        seconds_warmup: Wall time of warm-up, all chains.
        seconds: Wall time in all, compilation included.
        compiled: How the graphs were run: "captured", "compiled", "traced" or "plain".
        seconds_tracing: Wall time of tracing and compiling, part of the two above.
        stopped: Why the run ended before its time, "" where it did not.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.
        thinning: One of so many draws is stored.
        divergences: How many draws of the sampling phase diverged and at which site
            they lie apart, "" where none did.
        trajectory_length: The longest that trajectories are, where that was learned:
            step sizes times leapfrog steps.
        energy: Potential and kinetic energy of each draw, (C, S), where momenta are
            drawn anew for each.
    """

    acceptance_rate: Tensor
    diverging: Tensor
    n_steps: Tensor
    lp: Tensor
    step_size: Tensor
    num_gradients: int
    seconds_warmup: float
    seconds: float
    compiled: str
    seconds_tracing: float = 0.0
    stopped: str = ""
    temperature: float = 1.0
    likelihood_temperature: float = 1.0
    thinning: int = 1
    divergences: str = ""
    trajectory_length: float | None = None
    energy: Tensor | None = None


@dataclass
class LaplaceInfo:
    """Facts of a Laplace approximation.

    Arguments:
        losses: Negative log joint density of each step to the mode in nats per datum,
            (T,).
        log_marginal_likelihood: Laplace's log integral over the parameters that are
            random of the likelihood, at its temperature, times the prior; what is held
            is held. In nats, over all data.
        prior_precision: Precision of the prior that was used, (1,), one for each tensor
            or one for each parameter.
        structure: "diag", "kron" or "full".
        layers: "all" or "last".
        num_parameters: Parameters P that are normal.
        num_steps: Gradient steps to the mode.
        seconds: Wall time, the mode and the draws included.
        stopped: Why the way to the mode ended before its time, "" where it did not.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.
    """

    losses: Tensor
    log_marginal_likelihood: float
    prior_precision: Tensor
    structure: str
    layers: str
    num_parameters: int
    num_steps: int
    seconds: float
    stopped: str = ""
    temperature: float = 1.0
    likelihood_temperature: float = 1.0
