"""The cubic: twenty points of x^3, and the epistemic uncertainty outside their range."""

from __future__ import annotations

from zoo import likelihoods, networks, priors
from zoo.datasets import toy
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.problems.runs import hamiltonian_and_microcanonical


def cubic() -> Problem:
    r"""Twenty points of a noisy cubic under a network of 100 units, as in many courses.

    .. math:: y = x^3 + \epsilon, \quad \epsilon \sim N(0, 3^2), \quad x, y \text{ standardised}

    Functions are stored on a grid over [-6, 6]. The data lie in [-4, 4].

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015), section 5.1

    Example:
        >>> truth = zoo.references.load("cubic")
        >>> std = truth.posterior.predict(truth.inputs).epistemic
        >>> std[truth.away].mean() > 3 * std[~truth.away].mean()
        tensor(True)
    """
    data = toy.cubic(standardise=True)

    network = networks.MLP(1, 1, hidden=[100])
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=2.0))
    noise = 3.0 / float(data.y_units.scale)
    likelihood = likelihoods.Gaussian(noise)
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model, warmup_steps=1000, num_samples=2000)

    inputs = data.test.x[::2]
    distances = inputs[:, 0].abs()  # from the centre
    largest = data.train.x.abs().max()
    away = distances > largest

    return Problem(
        name="cubic",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=None,
        runs=runs,
        source="artificial, zoo.datasets.toy.cubic(); no licence needed",
    )
