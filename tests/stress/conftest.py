"""Fixtures of the stress tests: digits, and posteriors of classifiers of digits."""

import os

import pyro
import pyro.distributions as dist
import pytest
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def digits():
    return datasets.digits()


@pytest.fixture(scope="session")
def fitted(digits):
    def fit(guide, **options):
        pyro.set_rng_seed(0)
        network = nn.Sequential(nn.Flatten(), networks.MLP(64, 10, hidden=[30]))
        prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        engine = inference.SVI(
            model,
            guide(model, **options),
            num_steps=300,
            lr=0.02,
            scheduler=None,
            compile="plain",
            progress=False,
        )
        return engine.fit(digits.train)

    return fit


@pytest.fixture(scope="session")
def classifier(fitted):
    return fitted(guides.MeanField, init_scale=0.02)


@pytest.fixture(scope="session")
def point(fitted):
    return fitted(guides.Delta)


@pytest.fixture(scope="session")
def regressor():
    model = zoo.BayesianNetwork(
        networks.MLP(64, 1, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.1),
    )
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=1, compile="plain", progress=False
    )
    data = datasets.digits(flatten=True).test
    return engine.fit((data.x, data.y[:, None].float()))
