"""Handwritten digits: 160 images under a small network."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Split
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

_NUM_TRAIN = 160
_NUM_TEST = 30
_NUM_AWAY = 10


def digits_mlp() -> Problem:
    """A hundred and sixty of scikit-learn's digits under a network of 20 units.

    Functions are stored at 30 test images and at 10 images of noise.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram,
        Hoffman, Wilson, 2021), whose public code has an experiment for one device with
        160 images

    Example:
        >>> truth = zoo.references.load("digits-mlp")
        >>> nats = truth.posterior.predict(truth.inputs).epistemic
        >>> nats[truth.away].mean() > 2 * nats[~truth.away].mean()
        tensor(True)
    """
    digits = datasets.digits()
    train = _flatten(digits.train)
    train = Split(train.x[:_NUM_TRAIN], train.y[:_NUM_TRAIN])
    test = _flatten(digits.test)
    data = replace(digits, train=train, test=test)

    network = networks.MLP(64, 10, hidden=[20])
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=1.0))
    likelihood = likelihoods.Categorical()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    noise = _noise_images(train.x)
    inputs, away = near_and_far(test.x[:_NUM_TEST], noise)

    return Problem(
        name="digits-mlp",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=test.y[:_NUM_TEST],
        runs=runs,
        num_saved=100,
        source="Optical Recognition of Handwritten Digits of the UCI repository, in "
        "scikit-learn; CC BY 4.0, Alpaydin, Kaynak (1998), doi.org/10.24432/C50P49",
    )


def _flatten(images: Split) -> Split:
    """Return images (N, 1, 8, 8) as rows (N, 64)."""
    return Split(images.x.flatten(1), images.y)


def _noise_images(x: Tensor) -> Tensor:
    """Return images of uniform noise over the range of some images (N, D)."""
    num_pixels = x.shape[1]
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(_NUM_AWAY, num_pixels, generator=generator)

    low = x.min()
    high = x.max()
    return low + (high - low) * noise
