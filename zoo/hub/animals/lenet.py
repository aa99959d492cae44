"""LeNet-5 on MNIST under five guides and engines, on the whole training part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyro.distributions as dist

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset
from zoo.hub.animals.animal import Made, needed
from zoo.inference.engine import Engine
from zoo.inference.ivon.ivon import IVON
from zoo.inference.svi.svi import SVI
from zoo.likelihoods import Categorical
from zoo.model import BayesianNetwork
from zoo.priors import Prior

_NUM_EPOCHS = 10  # with points as weights
_NUM_EPOCHS_RANDOM = 6  # with random weights, and of each network of the ensemble
_BATCH_SIZE = 128
_RATE = 2e-3  # at its highest; it falls to zero
_OPTIONS: dict[str, Any] = {"compile": "traced", "progress": False}
_USE = (
    "A baseline of digit recognition, and a network that is small enough to look into."
)
_EVERY = "Every image gets one of ten digits, also a letter or noise."


def local_reparam(path: Path | None) -> Made:
    """Fit independent normals, with noise for each image.

    Arguments:
        path: The folder of MNIST.
    """
    model, data = _model(path, _weights())
    guide = guides.LocalReparam(model, init_scale=0.02)
    engine = SVI(
        model,
        guide,
        num_epochs=_NUM_EPOCHS_RANDOM,
        lr=_RATE,
        deterministic=0.3,
        **_OPTIONS,
    )
    return _fitted(
        data,
        engine,
        "Every weight has a normal of its own, fitted with noise of its own for each image.",
        "Independent normals of 60,000 weights and a prior this wide leave many weights at the "
        "prior: the network underfits, and its probabilities are too cautious.",
    )


def mc_dropout(path: Path | None) -> Made:
    """Fit a network with dropout, which stays switched on.

    Arguments:
        path: The folder of MNIST.
    """
    model, data = _model(path, _weights())
    layers = ("features.3", "classifier.*")  # to drop its one channel drops the image
    guide = guides.MCDropout(model, p=0.1, layers=layers)
    return _fitted(
        data,
        SVI(model, guide, num_epochs=_NUM_EPOCHS, lr=_RATE, **_OPTIONS),
        "Weights are points, and inputs of every layer but the first are dropped at random, also "
        "in predictions.",
        "A mixture of points has no density, and its spread does not shrink with more data: the "
        "network is less certain than it could be.",
    )


def ensemble(path: Path | None) -> Made:
    """Fit three networks from different initial values.

    Arguments:
        path: The folder of MNIST.
    """
    model, data = _model(path, _weights())
    guide = guides.Mixture(model, make=guides.Delta, num_components=3, inits="prior")
    num_epochs = 3 * _NUM_EPOCHS_RANDOM  # a step trains one of the three
    return _fitted(
        data,
        SVI(model, guide, num_epochs=num_epochs, lr=_RATE, **_OPTIONS),
        "A deep ensemble of three maxima a posteriori.",
        "Three functions are few: where they agree, the ensemble has no uncertainty.",
    )


def nodes(path: Path | None) -> Made:
    """Fit a mixture of four normals over the nodes.

    Arguments:
        path: The folder of MNIST.
    """
    weights = priors.Point(dist.Normal(0.0, 1.0))
    prior = priors.NodePrior(dist.Normal(1.0, 0.3), weights=weights)
    model, data = _model(path, prior)
    guide = guides.NodeMixture(model, num_components=4)
    return _fitted(
        data,
        SVI(model, guide, num_epochs=_NUM_EPOCHS, lr=_RATE, **_OPTIONS),
        "Inputs of every layer are multiplied by random factors; weights are points.",
        "Weights have no uncertainty of their own, so that the spread of predictions is small.",
    )


def ivon(path: Path | None) -> Made:
    """Fit independent normals by natural gradients.

    Arguments:
        path: The folder of MNIST.
    """
    model, data = _model(path, _weights())
    engine = IVON(
        model,
        num_epochs=_NUM_EPOCHS_RANDOM,
        lr=0.3,
        beta2=0.998,
        hess_init=0.05,
        **_OPTIONS,
    )
    return _fitted(
        data,
        engine,
        "Every weight has a normal of its own, whose variance follows the curvature.",
        "After few epochs the running mean of the curvatures still knows its beginning, which "
        "makes the scales too wide or too narrow.",
    )


def _weights() -> Prior:
    """Return the prior of the four animals with random weights."""
    return priors.WeightPrior(priors.fan_in(2.0**0.5, bias_scale=1.0))


def _model(path: Path | None, prior: Prior) -> tuple[BayesianNetwork, Dataset]:
    """Return the model and the data."""
    data = datasets.mnist(needed(path, "MNIST is", " with its files"))
    return BayesianNetwork(networks.LeNet5(10), prior, Categorical()), data


def _fitted(
    data: Dataset, engine: Engine, about: str, limits: str, num_samples: int = 10
) -> Made:
    """Fit, and return what the card says."""
    posterior = engine.fit(data.train, batch_size=_BATCH_SIZE)
    story = {
        "about": f"LeNet-5 on MNIST. {about}",
        "split": "as published: 60,000 training and 10,000 test images",
        "batch_size": _BATCH_SIZE,
        "use": _USE,
        "limits": f"{limits} {_EVERY}",
    }

    return Made(
        posterior=posterior,
        data=data,
        engine=engine,
        story=story,
        num_samples=num_samples,
    )


LENETS = {
    "lenet5-mnist-ensemble": ensemble,
    "lenet5-mnist-ivon": ivon,
    "lenet5-mnist-local-reparam": local_reparam,
    "lenet5-mnist-mc-dropout": mc_dropout,
    "lenet5-mnist-nodes": nodes,
}
