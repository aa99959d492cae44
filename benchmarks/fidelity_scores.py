"""The scores of fits against the references, as the results file holds them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NotRequired, TypedDict, cast

from zoo.reports.table import Cell

SCORES = ("wasserstein", "total_variation")  # a reference has one of them


class Fit(TypedDict):
    """The scores of one guide on one reference, as in the results file.

    Scores, bound, parameters and seconds are means over seeds, and errors are standard
    errors over seeds. Fits of one seed have the Monte-Carlo errors of its draws instead,
    and no `by_seed`.
    """

    scores: dict[str, float]
    bound: Cell  # on the evidence, nats per datum
    bound_error: Cell
    fit_kind: Cell
    errors: dict[str, float]
    floor: dict[str, float]
    verdict: str
    parameters: int
    seconds: float
    by_seed: NotRequired[list[float]]  # the main score of each


Results = dict[str, dict[str, Fit]]  # by reference, then by guide


def main_score(fit: Fit) -> str:
    """Return the name of the main score: the first of `SCORES` that there is."""
    return next(name for name in SCORES if name in fit["scores"])


def over_seeds(fits: Sequence[Fit]) -> Fit:
    """Return the means over fits of different seeds, with standard errors."""
    first = fits[0]
    if len(fits) == 1:
        return first

    scores, errors = {}, {}
    for name in first["scores"]:
        values = [fit["scores"][name] for fit in fits]
        scores[name] = statistics.fmean(values)
        errors[name] = _standard_error(values)

    together = dict(first)
    together |= {"scores": scores, "errors": errors}
    bounds = [fit["bound"] for fit in fits if isinstance(fit["bound"], float)]
    if len(bounds) == len(fits):
        together["bound"] = statistics.fmean(bounds)
        together["bound_error"] = _standard_error(bounds)

    seconds = statistics.fmean(fit["seconds"] for fit in fits)
    together["seconds"] = round(seconds, 1)
    score = main_score(first)
    together["by_seed"] = [fit["scores"][score] for fit in fits]
    return cast(Fit, together)


def cell_of(fit: Fit) -> Cell:
    """Return the main score for a table, with its standard error if there are several seeds."""
    score = main_score(fit)
    value = fit["scores"][score]
    if "by_seed" not in fit:
        return value

    return f"{value:.3f} ± {fit['errors'][score]:.3f}"


def _standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean of values."""
    return statistics.stdev(values) / math.sqrt(len(values))
