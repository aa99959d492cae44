"""Bayesian neural networks as Pyro programs: a network, a prior, a likelihood, a guide and an engine."""

from zoo.diagnostics import convergence, fidelity
from zoo.model import BayesianNetwork
from zoo.posterior.loading import load
from zoo.posterior.posterior import Posterior
from zoo.pruning import prune
from zoo.reports.comparison import compare
from zoo.reports.explanation import explain

__all__ = [
    "BayesianNetwork",
    "Posterior",
    "compare",
    "convergence",
    "explain",
    "fidelity",
    "load",
    "prune",
]
