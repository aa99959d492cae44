"""A sentence on the scores of a posterior: mean, spread, and spread away from the data."""

from __future__ import annotations

from collections.abc import Mapping

# The value of each score when a posterior equals the reference; 0 for the other scores.
BEST = {
    "coverage": 0.9,
    "spread_ratio": 1.0,
    "spread_factor": 1.0,
    "agreement": 1.0,
    "epistemic_away": 1.0,
}
_CLEAR = 3  # Monte-Carlo errors beyond the floor
_NO_SPREAD = 0.01  # a ratio of spreads below this is none


def verdict(scores: Mapping[str, float], beyond: Mapping[str, float]) -> str:
    """Say what the scores show, e.g. "correct mean, 50% of the reference's spread".

    Arguments:
        scores: Score by name.
        beyond: How many Monte-Carlo errors each score is farther from its best value
            than the floor is.
    """
    parts = [
        _of_mean(scores, beyond),
        _of_spread("spread_ratio", scores, beyond),
        _of_factor(scores, beyond),
        _of_spread("epistemic_away", scores, beyond),
    ]
    return ", ".join(part for part in parts if part)


def _of_mean(scores: Mapping[str, float], beyond: Mapping[str, float]) -> str:
    """Say how far the mean, or the class probabilities, are from the reference's."""
    if "mean_error" in scores:
        error = scores["mean_error"]
        if beyond["mean_error"] < _CLEAR:
            return "correct mean"
        return f"mean off by {error:.2g} of the reference's standard deviations"

    if beyond["total_variation"] < _CLEAR:
        return "correct class probabilities"

    distance = scores["total_variation"]
    disagreement = 1 - scores["agreement"]
    return (
        f"class probabilities off by {distance:.1%}, "
        f"another class predicted at {disagreement:.1%} of the inputs"
    )


def _of_spread(
    name: str, scores: Mapping[str, float], beyond: Mapping[str, float]
) -> str:
    """Compare a spread, or the epistemic uncertainty of classes, with the reference's."""
    if name not in scores:
        return ""

    ratio = scores[name]
    what = "spread" if "spread_ratio" in scores else "epistemic uncertainty"
    where = " away from the data" if name == "epistemic_away" else ""
    if ratio < _NO_SPREAD:
        return f"no {what}{where}"
    if beyond[name] < _CLEAR:
        return f"correct {what}{where}"
    if ratio < 2:
        return f"{ratio:.0%} of the reference's {what}{where}"

    return f"{ratio:.1f} times the reference's {what}{where}"


def _of_factor(scores: Mapping[str, float], beyond: Mapping[str, float]) -> str:
    """Say by how much the spread at single inputs is wrong, "" if it is correct."""
    if "spread_factor" not in scores:
        return ""

    has_spread = scores["spread_ratio"] > _NO_SPREAD
    is_wrong = beyond["spread_factor"] >= _CLEAR
    if not (has_spread and is_wrong):
        return ""

    factor = scores["spread_factor"]
    return f"spread at single inputs wrong by a factor of {factor:.1f} on average"
