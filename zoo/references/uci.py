"""Three UCI tables under one hidden layer of fifty units, the noise inferred."""

from __future__ import annotations

import pyro.distributions as dist
import torch

from zoo import datasets, likelihoods, networks, priors
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem, beyond
from zoo.references.runs import hamiltonian_and_microcanonical

NUM_TEST, NUM_AWAY = 40, 20


def yacht_50() -> Problem:
    """Yacht hydrodynamics, 277 rows, split 0: a table that a network fits almost without noise."""
    return table("yacht", num_steps=300)


def energy_50() -> Problem:
    """Energy efficiency, 691 rows, split 0."""
    return table("energy", num_steps=200)


def concrete_50() -> Problem:
    """Concrete severity, 927 rows, split 0."""
    return table("concrete", num_steps=200)


def table(name: str, num_steps: int | None = None) -> Problem:
    r"""Return a UCI table, split 0 of Gal's, standardised, under a network of 50 units.

    .. math:: w \sim N(0, 1 / \text{fan-in}), \quad \sigma \sim \text{HalfNormal}(1), \quad y \sim N(f(x; w), \sigma^2)

    Functions are kept at 40 test inputs (yacht has 31), and at 20 training inputs
    pushed out to three times their distance from the middle.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015)

    Arguments:
        name: Name of the table.
        num_steps: Leapfrog steps of HMC, where that takes the place of NUTS.
    """
    data = datasets.uci(name, split=0)
    size = data.train.x.shape[1]
    prior = priors.WeightPrior(priors.fan_in(1.0, bias_scale=1.0))
    model = BayesianNetwork(
        networks.MLP(size, 1, hidden=[50]),
        prior,
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
    )
    test = data.test.x[:NUM_TEST]
    inputs = torch.cat([test, beyond(data.train.x, NUM_AWAY)])
    away = torch.arange(len(inputs)) >= len(test)
    targets = data.test.y[:NUM_TEST]
    runs = hamiltonian_and_microcanonical(model, num_steps=num_steps)
    return Problem(f"{name}-50", 1, model, data, inputs, away, targets, runs)
