"""ResNet-20 on CIFAR-10 around a published checkpoint: over its nodes, and over its weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pyro.distributions as dist
import torch
from torch import nn

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset, Split
from zoo.datasets.images import IMAGENET
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.trained_resnets import CHECKPOINTS, resnet
from zoo.hub.animals.animal import Made, data_folder, needed
from zoo.inference.engine import Engine
from zoo.inference.ivon.ivon import IVON
from zoo.inference.svi.svi import SVI
from zoo.inference.swag.swag import SWAG
from zoo.likelihoods import Categorical
from zoo.model import BayesianNetwork
from zoo.priors import Prior

_NUM_TRAIN = 10_000
_NUM_TEST = 2_000
_NUM_SAMPLES = 8
_BATCH_SIZE = 128
_NORM = partial(nn.BatchNorm2d, momentum=0.02)  # averages over about fifty batches
_SPLIT = (
    "the first 10,000 of the 50,000 training images, mirrored and shifted; 2,000 of the 10,000 "
    "test images"
)
_USE = (
    "Uncertainty for a trained residual network at the cost of minutes: on all test images the "
    "checkpoint alone has an error of 8.27 %, an NLL of 0.373 and a calibration error of 0.053."
)
_LIMITS = (
    "The network has seen every training image before, so that the fit estimates the "
    "remaining uncertainty from mirrored and shifted ones. Every image gets one of ten "
    "classes. The learning rates were chosen in the experiments of the package, "
    "which looked at test images."
)


def nodes(path: Path | None) -> Made:
    """Fit a mixture of eight normals over the nodes; the weights stay as published.

    Arguments:
        path: The folder of CIFAR-10 and of the checkpoint.
    """
    prior = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
    model, data, notice = _model(path, prior)
    guide = guides.NodeMixture(
        model, num_components=8, init_scale=0.05, init_spread=0.1
    )
    engine = SVI(
        model,
        guide,
        num_epochs=2,
        lr=0.05,
        compile="traced",
        progress=False,
    )
    about = (
        "Inputs of every layer are multiplied by random factors, which have a mixture of eight "
        "normals; the weights are those of the checkpoint."
    )
    return _fitted(data, engine, about, notice)


def swag(path: Path | None) -> Made:
    """Fit a normal of rank five to the points that SGD passes.

    Arguments:
        path: The folder of CIFAR-10 and of the checkpoint.
    """
    model, data, notice = _model(path, _weights())
    engine = SWAG(
        model,
        num_epochs=4,
        burn_in=1,
        points=30,
        swa_lr=0.03,
        lr=0.03,
        rank=5,
        compile="traced",
        progress=False,
    )
    about = (
        "All weights have a normal whose covariance has rank five and a diagonal, with the "
        "moments of thirty points of SGD."
    )
    return _fitted(data, engine, about, notice)


def ivon(path: Path | None) -> Made:
    """Fit independent normals by natural gradients, from the checkpoint.

    Arguments:
        path: The folder of CIFAR-10 and of the checkpoint.
    """
    model, data, notice = _model(path, _weights())
    engine = IVON(
        model,
        num_epochs=2,
        lr=0.1,
        hess_init=1.0,
        compile="traced",
        progress=False,
    )
    about = (
        "Every weight has a normal of its own, whose variance follows the curvature; the means "
        "begin at the weights of the checkpoint."
    )
    return _fitted(data, engine, about, notice)


def _weights() -> Prior:
    """Return the prior of random weights, a weight decay of 1e-4."""
    return priors.WeightPrior(dist.Normal(0.0, 1.0))


def _model(path: Path | None, prior: Prior) -> tuple[BayesianNetwork, Dataset, str]:
    """Return the model of the trained network, the data, and the checkpoint's licence."""
    path = needed(
        path,
        "CIFAR-10 and the checkpoint are",
        ", which holds cifar-10-batches-py and cifar10_resnets",
    )
    data = datasets.cifar10(
        data_folder(path, "cifar10"), units=IMAGENET, num_test=_NUM_TEST
    )
    x, y = data.train
    data = replace(data, train=Split(x[:_NUM_TRAIN], y[:_NUM_TRAIN]))

    folder = data_folder(path, "cifar10_resnets")
    trained = resnet(folder / CHECKPOINTS[20], 20)
    network = networks.ResNet(20, num_classes=10, norm=_NORM)
    network = network.to(memory_format=torch.channels_last)
    network.load_state_dict(trained.state_dict())
    licence = (folder / "LICENSE").read_text(encoding="utf-8")

    return BayesianNetwork(network, prior, Categorical()), data, licence


def _fitted(data: Dataset, engine: Engine, about: str, notice: str) -> Made:
    """Fit, and return what the card says."""
    posterior = engine.fit(loader(data.train, _BATCH_SIZE))
    story = {
        "about": f"ResNet-20 on CIFAR-10, trained by Yerlan Idelbayev. {about}",
        "split": _SPLIT,
        "batch_size": _BATCH_SIZE,
        "use": _USE,
        "limits": _LIMITS,
        "licence": "bsd-2-clause",
        "notice": f"The weights began as those of github.com/akamaster/pytorch_resnet_cifar10:"
        f"\n\n```text\n{notice.strip()}\n```",
    }

    return Made(
        posterior=posterior,
        data=data,
        engine=engine,
        story=story,
        num_samples=_NUM_SAMPLES,
    )


RESNETS = {
    "resnet20-cifar10-ivon": ivon,
    "resnet20-cifar10-nodes": nodes,
    "resnet20-cifar10-swag": swag,
}
