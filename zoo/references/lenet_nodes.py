"""LeNet-5 trained on clothes, its weights frozen, the nodes alone unknown: a truth for node-based networks."""

from __future__ import annotations

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
from zoo.references.runs import hamiltonian_and_microcanonical

TRAINED = Path(__file__).parent / "trained" / "lenet.safetensors"
NUM_TEST, NUM_AWAY = 30, 10


def lenet_nodes() -> Problem:
    r"""A thousand of Fashion-MNIST's images under LeNet-5, whose 611 nodes are random and whose weights are not.

    .. math:: f_l = \sigma(W_l \, (f_{l-1} \circ z_l) + b_l), \qquad z_l \sim N(1, 0.5^2)

    The weights come from 55,000 other images of the training part, the thousand did not
    train them, and all that is needed lies in the package. Functions are kept at 30
    test images, and at 10 others turned by a quarter. A gradient takes an eighth of a
    second on a core, and 16,000 of each sampler were not enough: make it on a GPU.

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)
        Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms (Xiao, Rasul, Vollgraf, 2017)
    """
    _, tensors = read_file(TRAINED, "trained")
    network = networks.LeNet5(10)
    network.load_state_dict(
        {name: tensors[f"network/{name}"] for name in network.state_dict()}
    )
    prior = priors.NodePrior(dist.Normal(1.0, 0.5), weights=priors.Frozen())
    model = BayesianNetwork(network, prior, likelihoods.Categorical())
    train, test = (
        Split(standardised(tensors[f"{part}/x"]), tensors[f"{part}/y"].long())
        for part in ("train", "test")
    )
    data = Dataset(
        "Fashion-MNIST",
        train,
        Split(test.x[:NUM_TEST], test.y[:NUM_TEST]),
        x_units=UNITS,
    )
    turned = test.x[NUM_TEST : NUM_TEST + NUM_AWAY].rot90(dims=(-2, -1))
    inputs = torch.cat([data.test.x, turned])
    away = torch.arange(len(inputs)) >= NUM_TEST
    runs = hamiltonian_and_microcanonical(
        model, warmup_steps=300, num_samples=3000, num_steps=10, init="prior"
    )
    return Problem(
        "lenet-nodes", 1, model, data, inputs, away, data.test.y, runs, kept=100
    )


def standardised(pixels: Tensor) -> Tensor:
    """Return images (N, 1, 28, 28) of bytes in the units that the network was trained in."""
    return UNITS.standardise(pixels.float() / 255)
