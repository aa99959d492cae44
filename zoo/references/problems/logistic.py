"""Logistic regression: thirty measurements of cells, and whether a tumour is benign."""

from __future__ import annotations

import pyro.distributions as dist

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split, classification
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem, inputs_away_from, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_NUM_TEST = 40
_NUM_AWAY = 20


def logistic() -> Problem:
    r"""The breast cancer table of scikit-learn under Bayesian logistic regression, 31 weights.

    .. math:: w, b \sim N(0, 1), \quad p(y = 1 \mid x) = 1 / (1 + e^{-(x w + b)})

    The table has 455 rows for training. Functions are stored at 40 test inputs, and at 20
    training inputs that are moved to three times their distance from the mean.

    References:
        Nuclear feature extraction for breast tumor diagnosis (Street, Wolberg,
        Mangasarian, 1993)
        Bayesian Data Analysis (Gelman, Carlin, Stern, Dunson, Vehtari, Rubin, 2013),
        section 16.3

    Example:
        >>> truth = zoo.references.load("logistic")
        >>> prediction = truth.posterior.predict(truth.inputs)
        >>> prediction.probs.shape, truth.weights["layer1.weight"].shape
        (torch.Size([60, 1]), torch.Size([800, 1, 30]))
    """
    data = _benign_or_not()

    network = networks.MLP(30, 1, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.Bernoulli()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    near = data.test.x[:_NUM_TEST]
    far = inputs_away_from(data.train.x, _NUM_AWAY)
    inputs, away = near_and_far(near, far)

    return Problem(
        name="logistic",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=data.test.y[:_NUM_TEST],
        runs=runs,
        num_weights=400,
        source="Breast Cancer Wisconsin (Diagnostic) of the UCI repository, in scikit-learn; "
        "CC BY 4.0, Wolberg, Mangasarian, Street, Street (1993), doi.org/10.24432/C5DW2B",
    )


def _benign_or_not() -> Dataset:
    """Return the table, standardised, with targets 0 (malignant) and 1 (benign) as (N, 1)."""
    from sklearn.datasets import (
        load_breast_cancer,  # here, because it is slow to import
    )

    x, labels = load_breast_cancer(return_X_y=True)
    table = classification(x, labels)

    parts = []
    for part in (table.train, table.test):
        targets = part.y.float().unsqueeze(-1)
        parts.append(Split(part.x, targets))

    train, test = parts
    return Dataset(
        "breast cancer", train, test, x_units=table.x_units, classes=table.classes
    )
