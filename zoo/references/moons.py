"""The moons: two classes, and a map of doubt round them."""

from __future__ import annotations

import pyro.distributions as dist
import torch

from zoo import likelihoods, networks, priors
from zoo.datasets import toy
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.runs import hamiltonian_and_microcanonical

NUM_TEST = 40
GRID = 7  # points to a side of the map


def moons() -> Problem:
    """Two interlocking half circles under a network of 20 and 20 units, every weight a standard normal.

    Functions are kept at 40 test inputs and on a map of 7 x 7 points over [-3, 4] x
    [-3, 3.5].

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021)
    """
    data = toy.moons()
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = BayesianNetwork(
        networks.MLP(2, 2, hidden=[20, 20]), prior, likelihoods.Categorical()
    )
    sides = torch.linspace(-3.0, 4.0, GRID), torch.linspace(-3.0, 3.5, GRID)
    places = torch.cartesian_prod(*sides)
    inputs = torch.cat([data.test.x[:NUM_TEST], places])
    away = torch.cdist(inputs, data.train.x).min(-1).values > 0.5
    return Problem(
        "moons",
        1,
        model,
        data,
        inputs,
        away,
        data.test.y[:NUM_TEST],
        hamiltonian_and_microcanonical(model),
    )
