"""The sinusoid with a gap: the epistemic uncertainty grows between two groups of points."""

from __future__ import annotations

from zoo import likelihoods, networks, priors
from zoo.datasets import toy
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_NEAR = 0.3  # largest distance of an input from a datum that is not away from the data


def sinusoid() -> Problem:
    r"""Forty points of a noisy sinusoid under a network of 50 units, as in many courses.

    .. math:: y = \sin(\pi x) + \epsilon, \quad \epsilon \sim N(0, 0.1^2)

    Functions are stored on a grid over [-3, 3]. The data lie in [-2, 2], in two groups
    with a gap between them.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu,
        Wierstra, 2015), section 5.2

    Example:
        >>> truth = zoo.references.load("sinusoid")
        >>> std = truth.posterior.predict(truth.inputs).epistemic
        >>> std[truth.away].mean() > 3 * std[~truth.away].mean()
        tensor(True)
    """
    data = toy.sinusoid()

    network = networks.MLP(1, 1, hidden=[50])
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=2.0))
    likelihood = likelihoods.Gaussian(0.1)
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model, warmup_steps=1000, num_samples=2000)

    inputs = data.test.x[::2]  # (N, 1)
    distances = (inputs - data.train.x.T).abs()  # to every datum
    nearest = distances.min(-1).values
    away = nearest > _NEAR

    return Problem(
        name="sinusoid",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=None,
        runs=runs,
        source="artificial, zoo.datasets.toy.sinusoid(); no licence needed",
    )
