"""A contestant: a prior, a guide and how it is fitted, compared with others in an experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zoo.experiments.running.method import Method
from zoo.model import BayesianNetwork
from zoo.priors.prior import Prior
from zoo.runtime.programs import PyroProgram

MakeGuide = Callable[[BayesianNetwork], PyroProgram | None]


@dataclass(frozen=True)
class Contestant:
    """A prior and a guide for the network of an experiment, and how the guide is fitted.

    Arguments:
        prior: The prior.
        make_guide: Makes the guide of the posterior for a model, also for an engine that
            has one of its own; `no_guide` for an engine whose result is draws.
        method: The engine, its rates, batches and epochs.
    """

    prior: Prior
    make_guide: MakeGuide
    method: Method


def no_guide(model: BayesianNetwork) -> None:
    """Return no guide, for a posterior of draws."""
