"""The statistics that each engine reports of a run, without verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from torch import Tensor


@dataclass(repr=False, kw_only=True)
class RunInfo:
    """What the statistics of any run have: its time, why it stopped, and its temperatures.

    Arguments:
        seconds: Wall time in seconds.
        stopped: Why the run ended early; "" if it did not.
        error: The `KeyboardInterrupt` or the error of the user's program that ended the
            run early, if one did. Files do not hold it.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.
    """

    seconds: float
    stopped: str = ""
    error: BaseException | None = field(default=None, compare=False)
    temperature: float = 1.0
    likelihood_temperature: float = 1.0

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name, at most nine."""
        raise NotImplementedError

    def _shared(self) -> dict[str, str]:
        """Return the lines on temperatures and an early end, where there is something to say."""
        found = {}
        if self.temperature != 1.0:
            found["temperature"] = f"{self.temperature:g}"
        if self.likelihood_temperature != 1.0:
            found["likelihood_temperature"] = f"{self.likelihood_temperature:g}"
        if self.stopped:
            found["stopped"] = self.stopped

        return found

    def __repr__(self) -> str:
        summary = self.summary()
        width = max(len(name) for name in summary)
        lines = [f"{name:{width}}  {text}" for name, text in summary.items()]
        return "\n".join([type(self).__name__, *lines])

    def _repr_html_(self) -> str:
        rows = []
        for name, text in self.summary().items():
            cells = f"<td><code>{escape(name)}</code></td><td>{escape(text)}</td>"
            rows.append(f"<tr>{cells}</tr>")

        body = "".join(rows)
        return f"<p>{type(self).__name__}</p><table><tbody>{body}</tbody></table>"


@dataclass(repr=False, kw_only=True)
class SVIInfo(RunInfo):
    """Statistics of an SVI run.

    Arguments:
        losses: Negative ELBO of each step in nats per datum, (T,).
        bound: Whether the negative loss is a lower bound on the log evidence, as the
            guide declares; False if a temperature is not 1, or if the likelihood
            observes more than the targets.
        num_steps: Gradient steps taken.
        num_parameters: Parameters optimised, the guide's and the point estimates.
        seconds: Wall time in seconds.
        stopped: Why the run ended early: interrupted, an error, early stopping, a NaN
            loss; "" if it did not.
        error: The exception that ended the run early, if one did.
        held_out: Negative log likelihood per datum on the held-out part, at each check
            of early stopping.
        compiled: How a step was run: "plain", "traced", "compiled" or "captured".
        seconds_tracing: Wall time of tracing and compiling in seconds.
        precision: That of the network's products in the fit, "float32" or "bf16".
        fit_kind: "optimum" if the guide is at the optimum of the bound at temperature 1;
            "scales at optimum" if its means were not fitted and its scales are there;
            "cold" if it was fitted at a temperature below 1; "scales not converged" if a
            refit of its scales alone would gain much; "" if there is no bound, or if it
            is not known, e.g. after fewer than 100 steps.
        fit_reason: A sentence that says why.
        bound_nats: Bound on the evidence at temperature 1 in nats per datum, from the
            last batches; `Posterior.bound` has all data and more draws. None if there
            is none, or after fewer than 100 steps.
        bound_error: Standard error of `bound_nats`.
        restarts: Final loss, or best held-out score, of each of several fits from
            different means, in nats per datum; empty if there was one fit.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.

    Example:
        >>> posterior.info.losses.shape, posterior.info.bound
        (torch.Size([5]), True)
    """

    losses: Tensor
    bound: bool | None
    num_steps: int
    num_parameters: int
    held_out: list[float] = field(default_factory=list)
    compiled: str = "plain"
    seconds_tracing: float = 0.0
    precision: str = "float32"
    fit_kind: str = ""
    fit_reason: str = ""
    bound_nats: float | None = None
    bound_error: float | None = None
    restarts: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name."""
        tracing = f"{self.seconds_tracing:.1f} of them tracing"
        is_half = self.precision == "bf16"
        how = f"{self.compiled}, bf16" if is_half else self.compiled
        found = {
            "losses": first_to_last(self.losses),
            "bound": self._bound(),
            "num_parameters": f"{self.num_parameters:,}",
            "seconds": f"{self.seconds:.1f} ({how}), {tracing}",
        }
        if self.fit_kind:
            found["fit_kind"] = f"{self.fit_kind}: {self.fit_reason}"
        if self.held_out:
            checks = len(self.held_out)
            found["held_out"] = f"{self.held_out[-1]:.4g} after {checks} checks"

        return found | self._shared()

    def _bound(self) -> str:
        """Return the bound as text, or whether there is one."""
        if self.bound_nats is None:
            return str(self.bound)

        return f"{self.bound_nats:.4g} ± {self.bound_error:.2g} nats per datum"


@dataclass(repr=False, kw_only=True)
class MCMCInfo(RunInfo):
    """Statistics of a sampler's run, with ArviZ's names for those of each draw.

    S counts the stored draws. `divergences` and `bfmi` are of all draws after warm-up.

    Arguments:
        acceptance_rate: Acceptance statistic of each draw, (C, S).
        diverging: Whether the trajectory diverged, (C, S).
        n_steps: Leapfrog steps of each draw, (C, S).
        lp: Log joint density in unconstrained space, at its temperatures, up to a
            constant, (C, S).
        step_size: Step size of each chain after warm-up, (C,).
        num_gradients: Gradients evaluated in total, warm-up included.
        seconds_warmup: Wall time of warm-up in seconds, all chains.
        seconds: Wall time in seconds in total, compilation included.
        compiled: How the graphs were run: "captured", "compiled", "traced" or "plain".
        seconds_tracing: Wall time of tracing and compiling, part of the two above.
        stopped: Why the run ended early; "" if it did not.
        error: The exception that ended the run early, if one did.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.
        thinning: Every how many draws one is stored.
        divergences: How many draws of the sampling phase diverged and at which site
            they lie apart; "" if none did.
        trajectory_length: The longest trajectory, step size times leapfrog steps, if
            the sampler learned it.
        energy: Potential and kinetic energy of each draw, (C, S), if momenta are drawn
            anew for each: after NUTS, HMC and ChEES.
        tree_depth: How often the trajectory of each draw doubled, (C, S), after NUTS.
        reached_max_tree_depth: Whether it doubled as often as allowed, (C, S), after
            NUTS.
        max_tree_depth: How often a trajectory might double, after NUTS.
        bfmi: Energy Bayesian fraction of missing information of each chain, (C,), if
            there is an energy: the squared differences of the energies of consecutive
            draws over their variance. It is small where momenta hardly move a chain
            between energies.
        target_accept_prob: Acceptance probability that step sizes were adapted to; None
            if every proposal is accepted.
        target: What was sampled, as text by name: the model, the data, the temperatures.
            Chains of equal targets may stand side by side, see `Posterior.concat`.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "compile": False, "progress": False}
        >>> info = inference.HMC(model, num_steps=3, **short).fit(data.train).info
        >>> info.acceptance_rate.shape, info.step_size.shape
        (torch.Size([4, 5]), torch.Size([4]))
    """

    acceptance_rate: Tensor
    diverging: Tensor
    n_steps: Tensor
    lp: Tensor
    step_size: Tensor
    num_gradients: int
    seconds_warmup: float
    compiled: str
    seconds_tracing: float = 0.0
    thinning: int = 1
    divergences: str = ""
    trajectory_length: float | None = None
    energy: Tensor | None = None
    target: dict[str, str] = field(default_factory=dict)
    tree_depth: Tensor | None = None
    reached_max_tree_depth: Tensor | None = None
    max_tree_depth: int | None = None
    bfmi: Tensor | None = None
    target_accept_prob: float | None = None

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name."""
        num_diverging = int(self.diverging.sum())
        warmup = f"{self.seconds_warmup:.1f} of them warm-up"
        found = {
            "acceptance_rate": _extent(self.acceptance_rate),
            "diverging": f"{num_diverging} of {self.diverging.numel()} draws",
            "n_steps": _extent(self.n_steps),
            "step_size": _extent(self.step_size),
            "num_gradients": f"{self.num_gradients:,}",
            "seconds": f"{self.seconds:.1f} ({self.compiled}), {warmup}",
        }
        return found | self._shared()


@dataclass(repr=False, kw_only=True)
class LaplaceInfo(RunInfo):
    """Statistics of a Laplace approximation.

    Arguments:
        losses: Negative log joint density of each step to the mode in nats per datum,
            (T,).
        log_marginal_likelihood: Laplace's log integral over the parameters that are
            random of the likelihood, at its temperature, times the prior; everything
            else is fixed at the mode. In nats, over all data.
        prior_precision: Precision of the prior that was used, (1,), one for each tensor
            or one for each parameter.
        structure: "diag", "kron" or "full".
        layers: "all" or "last".
        num_parameters: Number P of the parameters with a normal distribution.
        num_steps: Gradient steps to the mode.
        refined: Whether the posterior is that of the network linearised at the mode.
        seconds: Wall time in seconds, the mode and the draws included.
        stopped: Why the search for the mode ended early; "" if it did not.
        error: The exception that ended the search early, if one did.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.

    Example:
        >>> engine = inference.Laplace(model, structure="diag", num_steps=5, progress=False)
        >>> engine.fit(data.train).info.structure
        'diag'
    """

    losses: Tensor
    log_marginal_likelihood: float
    prior_precision: Tensor
    structure: str
    layers: str
    num_parameters: int
    num_steps: int
    refined: bool = False

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name."""
        refined = ", refined" if self.refined else ""
        found = {
            "losses": first_to_last(self.losses),
            "log_marginal_likelihood": f"{self.log_marginal_likelihood:.4g} nats",
            "prior_precision": _extent(self.prior_precision),
            "structure": f"{self.structure!r}, layers {self.layers!r}{refined}",
            "num_parameters": f"{self.num_parameters:,}",
            "seconds": f"{self.seconds:.1f}",
        }
        return found | self._shared()


def first_to_last(losses: Tensor) -> str:
    """Say where losses begin and end, e.g. "1.9 -> 0.4 nats per datum in 300 steps"."""
    number = len(losses)
    if number == 0:
        return "none, no step was taken"

    first = float(losses[0])
    last = float(losses[-1])
    return f"{first:.4g} -> {last:.4g} nats per datum in {number:,} steps"


def _extent(values: Tensor) -> str:
    """Say the shape, the mean and the range of values."""
    shape = tuple(values.shape)
    if values.numel() == 0:
        return f"none, shape {shape}"

    values = values.double()
    mean = float(values.mean())
    least = float(values.min())
    greatest = float(values.max())
    return f"mean {mean:.4g}, from {least:.4g} to {greatest:.4g}, shape {shape}"
