"""The last layer of a ResNet-20 on CIFAR-10: its features are fixed, its weights are random."""

from __future__ import annotations

from pathlib import Path

import pyro.distributions as dist

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split
from zoo.model import BayesianNetwork
from zoo.posterior.storage import read_file
from zoo.references.problem import Problem, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

FEATURES = Path(__file__).parent.parent / "trained" / "cifar_features.safetensors"
NUM_TRAIN = 500
NUM_TEST = 30
NUM_AWAY = 10


def cifar_last_layer() -> Problem:
    r"""Features of 500 images that a ResNet-20 was not trained on, under logistic regression.

    .. math:: W, b \sim N(0, 1), \quad p(y \mid x) = \text{softmax}(W \phi(x) + b)

    The 64 features are those before the last layer, for test images of CIFAR-10. The
    package holds the features, not the images. Functions are stored at 30 further test
    images, and at 10 others that are rotated by 90 degrees.

    References:
        Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun, 2016)
        Scalable Bayesian Optimization Using Deep Neural Networks (Snoek et al., 2015), which
        infers the last layer alone

    Example:
        >>> truth = zoo.references.load("cifar-last-layer")
        >>> truth.data
        Dataset('features of CIFAR-10', train=500, test=30, inputs=64, classes=10)
    """
    _, tensors = read_file(FEATURES, "trained")
    x = tensors["x"].float()
    y = tensors["y"].long()
    train = Split(x[:NUM_TRAIN], y[:NUM_TRAIN])
    test = Split(x[NUM_TRAIN:], y[NUM_TRAIN:])
    data = Dataset("features of CIFAR-10", train, test)

    network = networks.MLP(x.shape[1], 10, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.Categorical()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    rotated = tensors["rotated"].float()
    inputs, away = near_and_far(test.x, rotated)

    return Problem(
        name="cifar-last-layer",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=test.y,
        runs=runs,
        num_saved=100,
        source="features of CIFAR-10 test images (Krizhevsky, 2009; the images state no "
        "licence and are not copied) by ResNet-20 of github.com/akamaster/"
        "pytorch_resnet_cifar10, BSD 2-Clause",
    )
