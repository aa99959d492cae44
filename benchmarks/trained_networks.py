"""Trained networks with the data of their training, of their temperature, and of their test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyro
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo import datasets, networks
from zoo.datasets import Dataset, Split
from zoo.datasets.images import IMAGENET
from zoo.experiments.parts.trained_resnets import resnet as trained

NUM_VALIDATION = 5_000
BATCH = 128


@dataclass(frozen=True)
class Settings:
    """The settings of a fit of the nodes; scales are standard deviations.

    Arguments:
        num_steps: Gradient steps.
        batch_size: Images in a batch, well above K.
        prior_scale: Scale of the node prior around 1.
        init_spread: Scale of the components' initial means around 1.
        init_scale: Initial scale of each component.
        lr_nodes: Learning rate of the nodes; it falls linearly to a quarter in the second
            half of the steps.
        lr_weights: Learning rate of the weights if they are fine-tuned.
        num_samples: Draws behind a prediction.
        seed: Seed of all random numbers.
    """

    num_steps: int
    batch_size: int = 128
    prior_scale: float = 0.1
    init_spread: float = 0.1
    init_scale: float = 0.05
    lr_nodes: float = 0.2
    lr_weights: float = 1e-4
    num_samples: int = 16
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """A trained network and its data.

    Arguments:
        name: The name of data and network.
        network: The trained network.
        train: The data that the network was trained on.
        held_out: The data to which a temperature is fitted.
        test: The data for the scores.
        settings: The settings of the fits.
    """

    name: str
    network: nn.Module
    train: Split
    held_out: Split
    test: Split
    settings: Settings


def lenet(
    name: str,
    load: Callable[..., Dataset],
    path: Path,
    epochs: int,
    num_steps: int,
) -> Task:
    """Train LeNet-5 with Adam, its learning rate falling to zero as a cosine.

    The more epochs, the more confident the network becomes.

    Arguments:
        name: The name of the data.
        load: The function that loads them.
        path: The folder of the data.
        epochs: Epochs of training.
        num_steps: Gradient steps of each fit of the nodes.
    """
    data = load(path, num_validation=NUM_VALIDATION)
    pyro.set_rng_seed(0)
    network = networks.LeNet5(10)
    train(network, data.train, epochs)

    # Of three settings, the best by NLL on the validation part, at K = 16 on Fashion-MNIST.
    settings = Settings(num_steps, prior_scale=0.5, init_spread=0.5, init_scale=0.2)

    return Task(
        name=f"{name}, LeNet-5, {epochs} epochs",
        network=network,
        train=data.train,
        held_out=data.validation,
        test=data.test,
        settings=settings,
    )


def train(network: nn.Module, data: Split, epochs: int) -> None:
    """Train a network with Adam, its learning rate falling to zero as a cosine."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    batches = -(-len(data.x) // BATCH)  # rounded up
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)

    for _ in range(epochs):
        for rows in torch.randperm(len(data.x)).split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(data.x[rows]), data.y[rows])
            loss.backward()
            optimizer.step()
            decay.step()


def resnet(path: Path, checkpoint: Path, num_steps: int) -> Task:
    """Load a trained ResNet-20.

    Arguments:
        path: The folder of CIFAR-10.
        checkpoint: The file of the network.
        num_steps: Gradient steps of each fit of the nodes.
    """
    data = datasets.cifar10(path, units=IMAGENET)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(data.test.x), generator=generator)

    return Task(
        name="CIFAR-10, ResNet-20",
        network=trained(checkpoint, 20),
        train=data.train,
        held_out=_rows(data.test, order[:2_000]),
        test=_rows(data.test, order[2_000:6_000]),
        settings=Settings(num_steps),
    )


def _rows(split: Split, rows: Tensor) -> Split:
    return Split(split.x[rows], split.y[rows])
