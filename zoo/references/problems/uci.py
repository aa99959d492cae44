"""Three UCI tables under one hidden layer of fifty units and a Gaussian noise that is inferred."""

from __future__ import annotations

import pyro.distributions as dist

from zoo import datasets, likelihoods, networks, priors
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem, inputs_away_from, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_CREDITS = {
    "yacht": "Gerritsma, Onnink, Versluis (1981), doi.org/10.24432/C5XG7R",
    "energy": "Tsanas, Xifara (2012), doi.org/10.24432/C51307",
    "concrete": "Yeh (1998), doi.org/10.24432/C5PK67",
}
_NUM_TEST = 40
_NUM_AWAY = 20


def yacht_50() -> Problem:
    """Yacht hydrodynamics, 277 rows, split 0: a table with almost no noise.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015)

    Example:
        >>> zoo.references.yacht_50().data
        Dataset('yacht', ...)
    """
    return _table("yacht", num_steps=300)


def energy_50() -> Problem:
    """Energy efficiency, 691 rows, split 0.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015)

    Example:
        >>> zoo.references.energy_50().data
        Dataset('energy', ...)
    """
    return _table("energy", num_steps=200)


def concrete_50() -> Problem:
    """Concrete compressive strength, 927 rows, split 0.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015)

    Example:
        >>> truth = zoo.references.load("concrete-50")
        >>> std = truth.posterior.predict(truth.inputs).epistemic
        >>> std[truth.away].mean() > 3 * std[~truth.away].mean()
        tensor(True)
    """
    return _table("concrete", num_steps=200)


def _table(name: str, num_steps: int) -> Problem:
    r"""Return a UCI table, split 0 of Gal, standardised, under a network of 50 units.

    .. math:: w \sim N(0, 1 / \text{fan-in}), \quad \sigma \sim \text{HalfNormal}(1), \quad
        y \sim N(f(x; w), \sigma^2)

    Functions are stored at 40 test inputs (yacht has 31), and at 20 training inputs
    that are moved to three times their distance from the mean.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015)

    Arguments:
        name: Name of the table.
        num_steps: Leapfrog steps of HMC.
    """
    data = datasets.uci(name, split=0)
    num_inputs = data.train.x.shape[1]

    network = networks.MLP(num_inputs, 1, hidden=[50])
    prior = priors.WeightPrior(priors.fan_in(1.0, bias_scale=1.0))
    noise = dist.HalfNormal(1.0)
    likelihood = likelihoods.Gaussian(noise)
    model = BayesianNetwork(network, prior, likelihood)

    runs = hamiltonian_and_microcanonical(model, num_steps=num_steps)

    near = data.test.x[:_NUM_TEST]
    far = inputs_away_from(data.train.x, _NUM_AWAY)
    inputs, away = near_and_far(near, far)
    targets = data.test.y[:_NUM_TEST]

    return Problem(
        name=f"{name}-50",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=targets,
        runs=runs,
        source=f"UCI repository, CC BY 4.0, {_CREDITS[name]}",
    )
