"""Bayesian neural networks as Pyro programs: a network, a prior, a likelihood, a guide and an engine."""

from zoo.model import BayesianNetwork
from zoo.storage import load

__all__ = ["BayesianNetwork", "load"]
