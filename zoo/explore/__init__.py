"""The picture that moves: one HTML page that shows fits next to the true posterior."""

from zoo.explore.fit_series import FitSeries
from zoo.explore.functions_view import functions_view
from zoo.explore.page import page
from zoo.explore.plane_view import plane_view
from zoo.explore.pruning_view import pruning_view
from zoo.explore.truths import scaled_truth

__all__ = [
    "FitSeries",
    "functions_view",
    "page",
    "plane_view",
    "pruning_view",
    "scaled_truth",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
