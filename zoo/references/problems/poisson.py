"""Counts: how often a disaster happened in British coal mines, year by year."""

from __future__ import annotations

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split, Units
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_FIRST_YEAR = 1851
# disasters of each year with ten deaths or more, 1851 to 1961
_COUNTS = """
4 5 4 0 1 4 3 4 0 6 3 3 4 0 2 6 3 3 5 4 5 3 1 4 4 1 5 5 3 4 2 5 2 2 3 4 2 1 3 2 2 1 1 1 1 3 0 0
1 0 1 1 0 0 3 1 0 3 2 2 0 1 1 1 0 1 0 1 0 0 0 2 1 0 0 0 1 1 0 2 3 3 1 1 2 1 1 1 1 2 4 2 0 0 1 4
0 0 0 1 0 0 0 0 0 1 0 0 1 0 1
"""
_KEPT_ASIDE = 5  # every fifth year is in the test part
_MARGIN = 0.6  # of the grid on both sides, in standardised years


def poisson() -> Problem:
    r"""Disasters of 111 years under a network of 20 units and a Poisson distribution.

    .. math:: y \sim \text{Poisson}(\log(1 + e^{f(x)}))

    The rate is linear in a large output, so that its moments exist where there are no
    data; those of an exponential hardly do. Functions, which are rates, are stored at 22
    years that are kept aside and on a grid over 1831 to 1981.

    References:
        A note on the intervals between coal-mining disasters (Jarrett, 1979)
        Hierarchical Bayesian Analysis of Changepoint Problems (Carlin, Gelfand, Smith, 1992)

    Example:
        >>> truth = zoo.references.load("poisson")
        >>> rates = truth.posterior.predict(truth.inputs).mean[:, 0]  # accidents in a year
        >>> x = truth.inputs[:, 0]
        >>> rates[x < -1].mean().round(), rates[(x > 0) & (x < 1)].mean().round()
        (tensor(3.), tensor(1.))
    """
    data = _coal_mines()

    network = networks.MLP(1, 1, hidden=[20])
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=2.0))
    likelihood = likelihoods.From(_counts)
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    x, y = data.test
    first, last = float(data.train.x.min()), float(data.train.x.max())
    grid = torch.linspace(first - _MARGIN, last + _MARGIN, 39).unsqueeze(-1)
    inputs = torch.cat([x, grid])
    away = (inputs[:, 0] < first) | (inputs[:, 0] > last)

    return Problem(
        name="poisson",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=y,
        runs=runs,
        source="British coal-mining disasters with ten deaths or more, 1851 to 1961, Jarrett "
        "(1979); published counts, no licence",
    )


def _counts(output: Tensor) -> dist.Poisson:
    """Return the distribution of counts given the network's output."""
    return dist.Poisson(F.softplus(output))


def _coal_mines() -> Dataset:
    """Return standardised years (N, 1) and counts (N, 1); every fifth year is a test year."""
    counts = torch.tensor([float(word) for word in _COUNTS.split()]).unsqueeze(-1)
    number = torch.arange(len(counts))
    years = (_FIRST_YEAR + number).float().unsqueeze(-1)
    is_test = number % _KEPT_ASIDE == _KEPT_ASIDE // 2

    units = Units.fit(years[~is_test])
    x = units.standardise(years)
    train = Split(x[~is_test], counts[~is_test])
    test = Split(x[is_test], counts[is_test])

    return Dataset(
        "coal mines", train, test, x_units=units, y_units=Units.identity(counts)
    )
