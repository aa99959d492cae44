"""The moons: two classes in the plane, and the epistemic uncertainty around them."""

from __future__ import annotations

import pyro.distributions as dist
import torch

from zoo import likelihoods, networks, priors
from zoo.datasets import toy
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_NUM_TEST = 40
_GRID_SIZE = 7  # points on a side of the grid
_NEAR = 0.5  # largest distance of an input from a datum that is not away from the data


def moons() -> Problem:
    """Two interlocking half circles under a network of 20 and 20 units and standard normal priors.

    Functions are stored at 40 test inputs and on a grid of 7 x 7 points over [-3, 4] x
    [-3, 3.5].

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram,
        Hoffman, Wilson, 2021)

    Example:
        >>> truth = zoo.references.load("moons")
        >>> prediction = truth.posterior.predict(truth.inputs)
        >>> nats = prediction.epistemic
        >>> nats[truth.away].mean() > nats[~truth.away].mean()
        tensor(True)
    """
    data = toy.moons()

    network = networks.MLP(2, 2, hidden=[20, 20])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.Categorical()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    columns = torch.linspace(-3.0, 4.0, _GRID_SIZE)
    rows = torch.linspace(-3.0, 3.5, _GRID_SIZE)
    grid = torch.cartesian_prod(columns, rows)

    x, y = data.test
    inputs = torch.cat([x[:_NUM_TEST], grid])
    distances = torch.cdist(inputs, data.train.x)  # to every datum
    nearest = distances.min(-1).values
    away = nearest > _NEAR

    return Problem(
        name="moons",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=y[:_NUM_TEST],
        runs=runs,
        source="artificial, zoo.datasets.toy.moons(); no licence needed",
    )
