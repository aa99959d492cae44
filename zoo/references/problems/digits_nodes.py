"""A small convolutional network trained on digits: its weights are fixed, its nodes random."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pyro.distributions as dist
from torch import nn

from zoo import datasets, likelihoods, priors
from zoo.datasets import Dataset, Split
from zoo.model import BayesianNetwork
from zoo.posterior.storage import read_file
from zoo.references.problem import Problem, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

TRAINED = Path(__file__).parent.parent / "trained" / "digits_cnn.safetensors"
NUM_HELD_OUT = 200  # of the training images, from which the nodes are inferred
_NUM_TEST = 30
_NUM_AWAY = 10


def digits_nodes() -> Problem:
    r"""Two hundred digits under a convolutional network of 37 random nodes and fixed weights.

    .. math:: f_l = \sigma(W_l \, (f_{l-1} \circ z_l) + b_l), \qquad z_l \sim N(1, 0.5^2)

    The weights were trained on the 1,237 other training images, and the package holds
    them. Functions are stored at 30 test images, and at 10 others that are rotated by 90
    degrees.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski,
        Heinonen, 2020)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen,
        Acerbi, Kaski, 2022)

    Example:
        >>> truth = zoo.references.load("digits-nodes")
        >>> truth.model.prior
        NodePrior(Normal(1, 0.5), where='in', weights=Frozen())
    """
    _, state = read_file(TRAINED, "trained")
    network = digits_cnn()
    network.load_state_dict(state)

    node = dist.Normal(1.0, 0.5)
    prior = priors.NodePrior(node, weights=priors.Frozen())
    likelihood = likelihoods.Categorical()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    digits = datasets.digits()
    train = Split(digits.train.x[-NUM_HELD_OUT:], digits.train.y[-NUM_HELD_OUT:])
    x, y = digits.test
    test = Split(x[:_NUM_TEST], y[:_NUM_TEST])
    data = Dataset("digits", train, test)

    others = x[_NUM_TEST : _NUM_TEST + _NUM_AWAY]
    rotated = others.rot90(dims=(-2, -1))
    inputs, away = near_and_far(test.x, rotated)

    return Problem(
        name="digits-nodes",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=test.y,
        runs=runs,
        num_saved=100,
        num_weights=400,
        source="Optical Recognition of Handwritten Digits of the UCI repository, in "
        "scikit-learn; CC BY 4.0, Alpaydin, Kaynak (1998), doi.org/10.24432/C50P49",
    )


def digits_cnn() -> nn.Sequential:
    """Return the network for images (N, 1, 8, 8), untrained: two convolutions and a layer."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv1"] = nn.Conv2d(1, 4, 3)  # (N, 4, 6, 6)
    layers["activation1"] = nn.Tanh()
    layers["pool1"] = nn.AvgPool2d(2)  # (N, 4, 3, 3)
    layers["conv2"] = nn.Conv2d(4, 32, 3)  # (N, 32, 1, 1)
    layers["activation2"] = nn.Tanh()
    layers["flatten"] = nn.Flatten()
    layers["linear"] = nn.Linear(32, 10)

    return nn.Sequential(layers)
