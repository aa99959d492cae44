"""Bayesian neural networks as Pyro programs: a network, a prior, a likelihood, a guide and an engine."""

from zoo.compare import compare
from zoo.diagnostics import convergence, fidelity
from zoo.explain import explain
from zoo.model import BayesianNetwork
from zoo.posterior import Posterior
from zoo.pruning import prune
from zoo.storage import load

__all__ = ["BayesianNetwork", "Posterior", "compare", "convergence", "explain", "fidelity", "load", "prune"]
