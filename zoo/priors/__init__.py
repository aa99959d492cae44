"""Priors: which tensors of a network are random, and how."""

from zoo.priors.node import NodePrior
from zoo.priors.selection import all_but_normalisation, by_name, by_type, last_layer
from zoo.priors.treatment import Frozen, Point
from zoo.priors.weight import WeightPrior

__all__ = [
    "Frozen",
    "NodePrior",
    "Point",
    "WeightPrior",
    "all_but_normalisation",
    "by_name",
    "by_type",
    "last_layer",
]
