"""Priors: which tensors of a network are random, and how."""

from zoo.priors.correlated_filters import correlated_filters
from zoo.priors.fan_in import fan_in
from zoo.priors.hierarchical import Hierarchical
from zoo.priors.horseshoe import RegularisedHorseshoe
from zoo.priors.log_uniform import LogUniform
from zoo.priors.moped import moped
from zoo.priors.node import NodePrior
from zoo.priors.previous import previous
from zoo.priors.prior import Prior
from zoo.priors.scale_mixture import ScaleMixture
from zoo.priors.selection import (
    all_but_normalisation,
    by_depth,
    by_name,
    by_type,
    last_layer,
)
from zoo.priors.treatment import Frozen, Point
from zoo.priors.weight import WeightPrior

__all__ = [
    "Frozen",
    "Hierarchical",
    "LogUniform",
    "NodePrior",
    "Point",
    "Prior",
    "RegularisedHorseshoe",
    "ScaleMixture",
    "WeightPrior",
    "all_but_normalisation",
    "by_depth",
    "by_name",
    "by_type",
    "correlated_filters",
    "fan_in",
    "last_layer",
    "moped",
    "previous",
]
