"""What a fit is: at its optimum at temperature 1, its scales alone, cold, or not converged."""

from __future__ import annotations

from typing import Any, NamedTuple

from zoo.inference.natural_gradients import Gain
from zoo.inference.tempering import Tempering

OPTIMUM = "optimum"
SCALES_AT_OPTIMUM = "scales at optimum"
COLD = "cold"
NOT_CONVERGED = "scales not converged"

_MOST_PER_DATUM = 0.02  # nats that a refit of the scales may still gain
_MOST = 1.0  # nats in total: a factor of e in the evidence is no evidence
_UNKNOWN = 1.0  # nats per datum: the standard error of a bound that is not known
_MIN_STEPS = 100  # below which a fit is not judged
_SHARE = 0.03  # of the steps, for gradients at the end
_LEAST_EVALUATIONS = 8
_NUM_ERRORS = 2
_MOST_EVALUATIONS = 200


class Verdict(NamedTuple):
    """What a fit of a guide is, and its bound.

    Arguments:
        kind: "optimum" (at temperature 1), "scales at optimum" (with the means as they
            were given), "cold" (fitted at a temperature below 1), "scales not converged",
            or "" if there is no bound, or nothing to say it by.
        reason: A sentence that says why.
        nats: The bound on the evidence at temperature 1, in nats per datum, None if
            there is none or it is not known.
        error: Its standard error over draws and batches.
    """

    kind: str = ""
    reason: str = ""
    nats: float | None = None
    error: float | None = None

    def with_bound(self, nats: float, error: float) -> Verdict:
        """Return the verdict with its bound; without it, if the bound is not known.

        Arguments:
            nats: The bound, in nats per datum.
            error: Its standard error.
        """
        is_known = error < _UNKNOWN  # not so if it is no number
        if is_known or self.kind not in (OPTIMUM, SCALES_AT_OPTIMUM):
            return self._replace(nats=nats, error=error)

        reason = (
            f"single draws have losses so large that the bound is {nats:.2g} ± {error:.2g} "
            "nats per datum, which says nothing; the guide does not suit the model"
        )
        return Verdict("", reason, nats, error)

    def of_info(self) -> dict[str, Any]:
        """Return the fields of `SVIInfo` that hold it."""
        return {
            "fit_kind": self.kind,
            "fit_reason": self.reason,
            "bound_nats": self.nats,
            "bound_error": self.error,
        }


def num_evaluations(num_steps: int) -> int:
    """Return how many gradients to evaluate after a fit: 3 % of its steps, 0 for a short one."""
    if num_steps < _MIN_STEPS:
        return 0

    return max(_LEAST_EVALUATIONS, min(round(_SHARE * num_steps), _MOST_EVALUATIONS))


class Refits(NamedTuple):
    """What a refit of a part of the guide would gain; None for a part that was not fitted.

    Arguments:
        scales: That of the scales alone.
        means: That of the means alone.
    """

    scales: Gain | None = None
    means: Gain | None = None


def fit_kind(tempering: Tempering, refits: Refits | None, num_data: int) -> Verdict:
    """Say what a fit of a guide with a bound is.

    A fit whose means are far from their optimum has no scales at theirs, either.

    Arguments:
        tempering: Its temperatures.
        refits: What refits would gain, None if it is not known.
        num_data: Number of data N.
    """
    gains = [] if refits is None else _gains(refits, num_data)
    if tempering.whole < 1 or tempering.likelihood < 1:
        return Verdict(COLD, "; ".join([_cold(tempering), *gains]))

    if gains:
        remedy = "take more steps, or let scales move faster (scale_lr of SVI, beta2 of IVON)"
        return Verdict(NOT_CONVERGED, f"{'; '.join(gains)}; {remedy}")

    if not tempering.is_off:  # hot: at the optimum of another target
        return Verdict("", _hot(tempering))

    if refits is None:
        return Verdict()

    is_of_scales = refits.scales is not None and refits.means is None
    kind = SCALES_AT_OPTIMUM if is_of_scales else OPTIMUM

    return Verdict(kind, _least(refits, num_data))


def _gains(refits: Refits, num_data: int) -> list[str]:
    """Return a part of a sentence for each refit that would gain much."""
    found = []
    scales, means = refits
    if scales is not None and _is_large(scales, num_data):
        found.append(
            "a refit of the scales alone gains at least "
            f"{scales.value / num_data:.2g} nats per datum (their variances are on average "
            f"{_ratio(scales.mean)} times the optimal ones)"
        )

    if means is not None and _is_large(means, num_data):
        gain = f"at least {means.value / num_data:.2g} nats per datum"
        found.append(f"a refit of the means alone gains {gain}")

    return found


def _ratio(gradient: float) -> str:
    """Return the variances over the optimal ones as text."""
    ratio = 1 + gradient
    return f"{ratio:.2g}" if ratio > 0.01 else "less than 0.01"


def _is_large(gain: Gain, num_data: int) -> bool:
    return gain.value > _MOST and gain.value > _MOST_PER_DATUM * num_data


def _least(refits: Refits, num_data: int) -> str:
    """Return the sentence on a fit at its optimum."""
    scales, means = refits
    if scales is None:
        return "the guide has no parameters, so that nothing is left to fit"

    of_scales = _upper(scales) / num_data
    if means is None:
        return (
            f"a refit of the scales gains less than {of_scales:.1g} nats per datum; the means "
            "were not fitted"
        )

    return (
        f"refits of the scales and of the means gain less than {of_scales:.1g} and "
        f"{_upper(means) / num_data:.1g} nats per datum"
    )


def _upper(gain: Gain) -> float:
    """Return an upper limit of a gain, in nats over all data."""
    return gain.value + _NUM_ERRORS * gain.error


def _cold(tempering: Tempering) -> str:
    """Return the sentence on the temperature below 1."""
    if tempering.whole < 1:
        return (
            f"fitted at temperature {tempering.whole:g}, where the posterior is "
            "narrower than at 1"
        )

    return (
        f"fitted at likelihood temperature {tempering.likelihood:g}, as if the data were "
        f"{1 / tempering.likelihood:.3g} times as many"
    )


def _hot(tempering: Tempering) -> str:
    """Return the sentence on temperatures above 1."""
    return (
        f"fitted at temperature {tempering.whole:g} and likelihood temperature "
        f"{tempering.likelihood:g}"
    )
