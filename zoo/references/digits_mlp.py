"""Handwritten digits, 160 of them, under a small network."""

from __future__ import annotations

from dataclasses import replace

import torch

from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Split
from zoo.model import BayesianNetwork
from zoo.references.problem import Problem
from zoo.references.runs import hamiltonian_and_microcanonical

NUM_TRAIN, NUM_TEST, NUM_AWAY = 160, 30, 10


def digits_mlp() -> Problem:
    """A hundred and sixty of scikit-learn's digits under a network of 20 units.

    Functions are kept at 30 test images and at 10 images of noise.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021), whose public
        code has an experiment for one device with 160 images
    """
    digits = datasets.digits()
    train, test = ((part.x.flatten(1), part.y) for part in (digits.train, digits.test))
    data = replace(
        digits,
        train=Split(train[0][:NUM_TRAIN], train[1][:NUM_TRAIN]),
        test=Split(*test),
    )
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=1.0))
    model = BayesianNetwork(
        networks.MLP(64, 10, hidden=[20]), prior, likelihoods.Categorical()
    )
    noise = torch.rand(NUM_AWAY, 64, generator=torch.Generator().manual_seed(0))
    low, high = data.train.x.min(), data.train.x.max()
    inputs = torch.cat([data.test.x[:NUM_TEST], low + (high - low) * noise])
    away = torch.arange(len(inputs)) >= NUM_TEST
    targets = data.test.y[:NUM_TEST]
    return Problem(
        "digits-mlp",
        1,
        model,
        data,
        inputs,
        away,
        targets,
        hamiltonian_and_microcanonical(model),
        kept=100,
    )
