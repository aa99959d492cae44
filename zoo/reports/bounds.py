"""The bound of a posterior on the evidence, as tables and printed lines state it."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.datasets import Split
from zoo.diagnostics.baseline import baseline_nll
from zoo.posterior.bound import Bound, NoBound
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Cell
from zoo.runtime.rows import num_rows

NO_BOUND = "no bound"
_MOST_SAMPLES, _LEAST_SAMPLES = 32, 4  # of each batch, which has draws of its own
_MANY = 4096  # data, above which each gets fewer draws


@dataclass(frozen=True)
class StatedBound:
    """The bound of a fit, or why there is none, and which kind the fit is.

    Arguments:
        bound: The bound, None if there is none.
        without_training: What a prediction without training scores, nats per datum;
            None if the prior is improper.
        kind: "optimum", "scales at optimum", "cold", "scales not converged" or "".
        reason: Why it is that, or why there is no bound.
    """

    bound: Bound | None
    without_training: float | None
    kind: str
    reason: str

    @classmethod
    def of(cls, posterior: Posterior, train: Split) -> StatedBound:
        """Estimate the bound of a posterior.

        Arguments:
            posterior: The posterior.
            train: The data that it was fitted to.
        """
        baseline = _baseline(posterior, train)
        wanted = _MOST_SAMPLES * _MANY // num_rows(train.x)
        num_samples = max(_LEAST_SAMPLES, min(_MOST_SAMPLES, wanted))
        try:
            bound = posterior.bound(train, num_samples=num_samples)
        except NoBound as error:
            return cls(None, baseline, "", str(error))

        info = posterior.info
        kind = getattr(info, "fit_kind", "")

        return cls(bound, baseline, kind, getattr(info, "fit_reason", ""))

    def cells(self) -> dict[str, Cell]:
        """Return the bound, its error and the kind of the fit for the row of a table."""
        kind = self.kind or None
        if self.bound is None:
            return {"bound": NO_BOUND, "bound error": None, "fit kind": kind}

        value, error = self.bound

        return {"bound": value, "bound error": error, "fit kind": kind}

    def __str__(self) -> str:
        if self.bound is None:
            return f"no bound on the evidence: {self.reason}"

        line = f"bound {self.bound} nats per datum"
        if self.without_training is not None:
            line += f" ({self.without_training:.4g} without training)"

        return f"{line}; {self.kind}: {self.reason}" if self.kind else line


def _baseline(posterior: Posterior, train: Split) -> float | None:
    try:
        return baseline_nll(posterior.model, train)
    except ValueError:  # an improper prior, which has no draws
        return None
