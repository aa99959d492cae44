"""What an engine reports of a run: facts, no verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class SVIInfo:
    """Facts of an SVI run.

    Arguments:
        losses: Negative ELBO of each step in nats per datum, (T,).
        bound: Whether the negative loss is a lower bound of the log evidence, as the guide declares.
        num_steps: Gradient steps taken.
        num_parameters: Numbers optimised, the guide's and the point estimates.
        seconds: Wall time.
        stopped: Why the run ended before its time ("" where it did not): interrupted, early stopping, a NaN loss.
        held_out: Negative log likelihood per datum on the held-out part, at each check of early stopping.
    """

    losses: Tensor
    bound: bool | None
    num_steps: int
    num_parameters: int
    seconds: float
    stopped: str = ""
    held_out: list[float] = field(default_factory=list)


@dataclass
class MCMCInfo:
    """Facts of a run of HMC or NUTS, with ArviZ's names for what there is one of per draw.

    Arguments:
        acceptance_rate: Acceptance statistic of each draw, (C, S).
        diverging: Whether the trajectory diverged, (C, S).
        n_steps: Leapfrog steps of each draw, (C, S).
        lp: Log joint density in unconstrained space, up to a constant, (C, S).
        step_size: Step size of each chain after warm-up, (C,).
        num_gradients: Gradients evaluated in all, warm-up included.
        seconds_warmup: Wall time of warm-up, all chains.
        seconds: Wall time in all, compilation included.
        compiled: How the potential was run: "compiled", "traced" or "plain".
        stopped: Why the run ended before its time, "" where it did not.
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
    stopped: str = ""
