"""A contestant: a prior and a guide that an experiment compares with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zoo.model import BayesianNetwork
from zoo.priors.prior import Prior
from zoo.runtime.programs import PyroProgram

MakeGuide = Callable[[BayesianNetwork], PyroProgram]


@dataclass(frozen=True)
class Contestant:
    """A prior and a guide for the network of an experiment.

    Arguments:
        prior: The prior.
        make_guide: Makes the guide for a model.
    """

    prior: Prior
    make_guide: MakeGuide
