"""The scores of fits against the references, as the results file holds them."""

from __future__ import annotations

from typing import TypedDict

from zoo.reports.table import Cell

SCORES = ("wasserstein", "total_variation")  # a reference has one of them


class Fit(TypedDict):
    """The scores of one guide on one reference, as in the results file."""

    scores: dict[str, float]
    bound: Cell  # on the evidence, nats per datum
    bound_error: Cell
    fit_kind: Cell
    errors: dict[str, float]
    floor: dict[str, float]
    verdict: str
    parameters: int
    seconds: float


Results = dict[str, dict[str, Fit]]  # by reference, then by guide


def main_score(fit: Fit) -> str:
    """Return the name of the main score: the first of `SCORES` that there is."""
    return next(name for name in SCORES if name in fit["scores"])
