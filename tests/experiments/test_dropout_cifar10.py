"""The published networks of dropout-cifar10, which only a full run fits."""

import sys

import pytest
import torch

import guides
import zoo
from zoo import experiments
from zoo.datasets import Dataset, Split

MODULE = sys.modules[experiments.dropout_cifar10.run.__module__]
PART = Split(torch.rand(2, 3, 32, 32), torch.arange(2))
DATA = Dataset("two images", PART, PART)
NUM_DROPPED = {"NIN": 2, "DSN": 2, "FastConvNet": 4}


@pytest.mark.parametrize("name", NUM_DROPPED)
def test_inputs_of_some_layers_of_each_network_are_dropped(name):
    setup = (MODULE._PUBLISHED | MODULE._QUICK)[name]
    network = setup.make_network(DATA)
    model = zoo.BayesianNetwork(network, setup.prior, setup.likelihood)
    guide = guides.MCDropout(model, p=setup.rate, layers=setup.layers)
    assert len(guide.noisy) == NUM_DROPPED[name]
