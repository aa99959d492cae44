"""Pruning: posteriors with fewer weights, by rules that read the posterior."""

from zoo.pruning.curve import Curves, curve
from zoo.pruning.masking import prune
from zoo.pruning.narrow import narrow
from zoo.pruning.rules import (
    Rule,
    density_at_zero,
    filter_norm,
    log_alpha,
    magnitude,
    node_norm,
    signal_to_noise,
)
from zoo.pruning.shrink import shrink

__all__ = [
    "Curves",
    "Rule",
    "curve",
    "density_at_zero",
    "filter_norm",
    "log_alpha",
    "magnitude",
    "narrow",
    "node_norm",
    "prune",
    "shrink",
    "signal_to_noise",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
