"""People: predictions against the answers of several people, and who of both should answer."""

from zoo.people.agreement import cross_entropy, disagreement, halves, total_variation
from zoo.people.answers import answers, mistakes
from zoo.people.cost_curve import CostCurve, cost_curve

__all__ = [
    "CostCurve",
    "answers",
    "cost_curve",
    "cross_entropy",
    "disagreement",
    "halves",
    "mistakes",
    "total_variation",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
