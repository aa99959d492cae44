"""Data with right labels for a few, and wrong ones for others, of digits and of two moons."""

from __future__ import annotations

from dataclasses import dataclass

import pyro.distributions as dist
import torch
from torch import nn

from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Split
from zoo.experiments.running.run import Run
from zoo.model import BayesianNetwork

GAP = 0.05  # between a training point of the moons and any other
_NUM_RIGHT, _NUM_DIGITS = 500, 10_000
_HIDDEN = (256, 256)
_EPOCHS = {"MNIST": (30, 10), "moons": (1000, 50)}  # through wrong labels, right ones


@dataclass(frozen=True)
class Case:
    """Data with right and with wrong labels, and how minima are found.

    Arguments:
        name: Its name.
        train: The training data.
        others: Other data, with their right labels.
        test: Test data.
        hidden: Numbers of hidden units.
        epochs: Passes through the other data with wrong labels, and with right ones.
        published: Published test error of the bad minimum in per cent.
    """

    name: str
    train: Split
    others: Split
    test: Split
    hidden: tuple[int, ...]
    epochs: tuple[int, int]
    published: str

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return int(self.train.y.max()) + 1

    def model(self) -> BayesianNetwork:
        """Return a model with a new network."""
        size = self.train.x.shape[1]
        mlp = networks.MLP(
            size, self.num_classes, hidden=list(self.hidden), activation=nn.ReLU
        )

        return BayesianNetwork(
            mlp, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Categorical()
        )


def digits_case(run: Run, seed: int) -> Case:
    """Return a few digits with their labels, and many others."""
    data = run.dataset(datasets.mnist)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data.train.x), generator=generator)[:_NUM_DIGITS]
    x, y = data.train.x.flatten(1)[order], data.train.y[order]
    train = Split(x[:_NUM_RIGHT], y[:_NUM_RIGHT])
    others = Split(x[_NUM_RIGHT:], y[_NUM_RIGHT:])
    test = Split(data.test.x.flatten(1), data.test.y)

    epochs = _EPOCHS["MNIST"]

    return Case("MNIST", train, others, test, _HIDDEN, epochs, "93, the talk")


def moons_case(_run: Run, seed: int) -> Case:
    """Return 20 points of two moons, and a thousand others that are not next to them."""
    data = datasets.toy.moons(20, noise=0.1, seed=seed)
    x, y = datasets.toy.moons(1000, noise=0.1, seed=1000 + seed).train
    is_far = torch.cdist(x, data.train.x).amin(1) > GAP
    others = Split(x[is_far], y[is_far])
    hidden, epochs = (100, 100, 100), _EPOCHS["moons"]

    return Case(
        "moons", data.train, others, data.test, hidden, epochs, "92, swiss roll"
    )
