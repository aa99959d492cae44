"""What the page says of a fit in numbers: scores, Monte-Carlo errors, and a sentence."""

from __future__ import annotations

from zoo.diagnostics.card import Fidelity

_DIGITS = 6  # behind the point, more than the page shows


def scored(card: Fidelity, names: tuple[str, ...]) -> dict[str, object]:
    """Return the scores of a card, their Monte-Carlo errors, and its verdict.

    Arguments:
        card: The card of a fit against the truth.
        names: The scores that the page shows, in its order.
    """
    return {
        "scores": [round(card.scores[name], _DIGITS) for name in names],
        "errors": [round(card.errors[name], _DIGITS) for name in names],
        "verdict": card.verdict,
    }


def floors(card: Fidelity, names: tuple[str, ...]) -> list[float]:
    """Return the floor of each score: the truth's own chains against each other."""
    return [round(card.floor[name], _DIGITS) for name in names]
