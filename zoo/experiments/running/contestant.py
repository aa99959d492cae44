"""A contestant: a prior, a guide and how it is fitted, compared with others in an experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zoo.experiments.running.method import Method
from zoo.model import BayesianNetwork
from zoo.priors.prior import Prior
from zoo.runtime.programs import PyroProgram

MakeGuide = Callable[[BayesianNetwork], PyroProgram]


@dataclass(frozen=True)
class Contestant:
    """A prior and a guide for the network of an experiment, and how the guide is fitted.

    Arguments:
        prior: The prior.
        make_guide: Makes the guide for a model.
        method: The engine, its rates, batches and epochs.
    """

    prior: Prior
    make_guide: MakeGuide
    method: Method
