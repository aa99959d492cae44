"""The labels of what a sweep combines."""

from functools import partial

import pyro.distributions as dist
import pytest

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.sweeps.labels import label_of, labelled

MODEL = zoo.BayesianNetwork(
    networks.MLP(6, 1, hidden=[3]),
    priors.WeightPrior(dist.Normal(0.0, 1.0)),
    likelihoods.Gaussian(0.1),
)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (guides.Delta, "Delta"),
        (
            partial(guides.NodeMixture, num_components=8),
            "NodeMixture(num_components=8)",
        ),
        (inference.SVI, "SVI"),
        (
            inference.SVI(MODEL, guides.MeanField(MODEL), num_steps=5),
            "SVI(num_steps=5)",
        ),
        (inference.HMC(MODEL, num_chains=2), "HMC(2 chains, 500 + 500 draws)"),
        (priors.WeightPrior(dist.Normal(0.0, 0.1)), "WeightPrior(Normal(0, 0.1))"),
        (networks.MLP(6, 1, hidden=[3]), "MLP, 25 weights"),
        (0.1, "0.1"),
        (None, "-"),
    ],
)
def test_a_label_says_what_the_value_is(value, label):
    assert label_of(value) == label


def test_labels_are_unique_and_short():
    values = [lambda model: 1, lambda model: 2, "a" * 99]
    labels = list(labelled(values))
    assert labels[:2] == ["<lambda> #1", "<lambda> #2"]
    assert len(labels[2]) == 60
