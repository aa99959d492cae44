"""LeNet-5 trained on Fashion-MNIST: the weights are frozen, and only the nodes are random."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split
from zoo.datasets.fashion_mnist import UNITS
from zoo.model import BayesianNetwork
from zoo.posterior.storage import read_file
from zoo.references.problem import Problem
from zoo.references.problems.runs import hamiltonian_and_microcanonical

TRAINED = Path(__file__).parent.parent / "trained" / "lenet.safetensors"
NUM_TEST = 30
NUM_AWAY = 10


def lenet_nodes() -> Problem:
    r"""A thousand images of Fashion-MNIST under LeNet-5 with 611 random nodes and fixed weights.

    .. math:: f_l = \sigma(W_l \, (f_{l-1} \circ z_l) + b_l), \qquad z_l \sim N(1, 0.5^2)

    The weights were trained on 55,000 other images of the training part. The package
    holds the weights and the thousand images. Functions are stored at 30 test images,
    and at 10 other test images that are rotated by 90 degrees. A gradient takes an
    eighth of a second on one core, and 16,000 gradients of each sampler were not enough:
    make this reference on a GPU.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski,
        Heinonen, 2020)
        Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms
        (Xiao, Rasul, Vollgraf, 2017)
    """
    _, tensors = read_file(TRAINED, "trained")

    network = networks.LeNet5(num_classes=10)
    state = {name: tensors[f"network/{name}"] for name in network.state_dict()}
    network.load_state_dict(state)

    node = dist.Normal(1.0, 0.5)
    prior = priors.NodePrior(node, weights=priors.Frozen())
    likelihood = likelihoods.Categorical()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(
        model, warmup_steps=300, num_samples=3000, num_steps=10, init="prior"
    )

    x, y = _read_part(tensors, "test")
    test = Split(x[:NUM_TEST], y[:NUM_TEST])
    train = _read_part(tensors, "train")
    data = Dataset("Fashion-MNIST", train, test, x_units=UNITS)

    others = x[NUM_TEST : NUM_TEST + NUM_AWAY]
    rotated = others.rot90(dims=(-2, -1))
    inputs = torch.cat([test.x, rotated])
    away = torch.arange(len(inputs)) >= NUM_TEST

    return Problem(
        name="lenet-nodes",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=test.y,
        runs=runs,
        num_saved=100,
        source="Fashion-MNIST, Xiao, Rasul, Vollgraf (2017), MIT licence",
    )


def _read_part(tensors: Mapping[str, Tensor], part: str) -> Split:
    """Return images (N, 1, 28, 28), standardised as in training, and their labels (N,)."""
    pixels = tensors[f"{part}/x"].float() / 255
    labels = tensors[f"{part}/y"].long()
    return Split(UNITS.standardise(pixels), labels)
