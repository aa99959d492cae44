"""LeNet-5 trained on Fashion-MNIST: the weights are frozen, the nodes of its classifier random."""

from __future__ import annotations

from pathlib import Path

import pyro.distributions as dist
from torch import nn

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split
from zoo.model import BayesianNetwork
from zoo.posterior.storage import read_file
from zoo.references.problem import Problem, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

TRAINED = Path(__file__).parent.parent / "trained" / "lenet.safetensors"
NUM_TRAIN = 300
NUM_TEST = 30
NUM_AWAY = 10


def lenet_nodes() -> Problem:
    r"""Three hundred images of Fashion-MNIST under the 604 nodes of LeNet-5's three linear layers.

    .. math:: f_l = \sigma(W_l \, (f_{l-1} \circ z_l) + b_l), \qquad z_l \sim N(1, 0.5^2)

    The weights were trained on 55,000 other images of the training part. The package
    holds those of the linear layers, and what the two convolutions give for each image,
    400 numbers. In version 1 the seven channels that go into the convolutions were nodes
    too, and there were a thousand images: 40 times as expensive as the linear layers, .69
    instead of .017 seconds a gradient of four chains, and the samplers did not agree in
    40 minutes. Functions are stored at 30 test images, and at 10 other test images that
    are rotated by 90 degrees.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski,
        Heinonen, 2020)
        Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms
        (Xiao, Rasul, Vollgraf, 2017)

    Example:
        >>> truth = zoo.references.load("lenet-nodes")
        >>> truth.data
        Dataset('features of Fashion-MNIST', train=300, test=30, inputs=400, classes=10)
    """
    _, tensors = read_file(TRAINED, "trained")

    network = classifier()
    state = {name: tensors[f"network/{name}"] for name in network.state_dict()}
    network.load_state_dict(state)

    node = dist.Normal(1.0, 0.5)
    prior = priors.NodePrior(node, weights=priors.Frozen())
    likelihood = likelihoods.Categorical()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model, init="prior")

    parts = {}
    for part in ("train", "test"):
        features = tensors[f"{part}/x"].float()
        parts[part] = Split(features, tensors[f"{part}/y"].long())

    data = Dataset("features of Fashion-MNIST", parts["train"], parts["test"])
    x, y = data.test
    rotated = tensors["rotated/x"].float()
    inputs, away = near_and_far(x, rotated)

    return Problem(
        name="lenet-nodes",
        version=2,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=y,
        runs=runs,
        num_saved=100,
        source="Fashion-MNIST, Xiao, Rasul, Vollgraf (2017), MIT licence",
    )


def classifier() -> networks.MLP:
    """Return the linear layers of LeNet-5, untrained, for the outputs (N, 400) of the others."""
    return networks.MLP(400, 10, hidden=[120, 84], activation=nn.ReLU)
