"""Acquisition: which labels to ask for, as functions of a prediction, and a pool that gives them.

An acquisition function takes a `Prediction` at N inputs and returns a score for each, (N,).
"""

from zoo.acquisition.bald import bald
from zoo.acquisition.max_entropy import max_entropy
from zoo.acquisition.mean_std import mean_std
from zoo.acquisition.pool import Pool
from zoo.acquisition.random import random
from zoo.acquisition.variation_ratios import variation_ratios

__all__ = [
    "Pool",
    "bald",
    "max_entropy",
    "mean_std",
    "random",
    "variation_ratios",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
