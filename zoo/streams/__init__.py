"""Streams of tasks that are learned one after the other, without keeping their data."""

from zoo.streams.hybrid import HybridLearner
from zoo.streams.hybrid_posterior import HybridPosterior, HybridPrediction
from zoo.streams.memory import Forget, Recall, Replay
from zoo.streams.typicality import Typicality

__all__ = [
    "Forget",
    "HybridLearner",
    "HybridPosterior",
    "HybridPrediction",
    "Recall",
    "Replay",
    "Typicality",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
