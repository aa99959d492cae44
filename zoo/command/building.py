"""Data, networks, likelihoods and guides made from the names that a user gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pyro.distributions as dist
import torch
from torch import nn

import guides
from zoo import datasets, likelihoods, networks
from zoo.command.choices import (
    ALTERNATIVES,
    CSV,
    FROM_PATH,
    IMAGE_NETWORKS,
    IMAGE_SIZES,
    PRIORS,
    TOYS,
)
from zoo.command.csv_table import load_csv
from zoo.command.signatures import accepted
from zoo.datasets import Dataset, Split
from zoo.datasets.uci import EMBEDDED
from zoo.likelihoods import Likelihood
from zoo.model import BayesianNetwork
from zoo.priors import Prior

Build = Callable[[Prior], BayesianNetwork]


def load_data(
    name: str,
    *,
    split: int = 0,
    path: str | None = None,
    num_train: int | None = None,
    target: str | None = None,
    task: str | None = None,
) -> Dataset:
    """Load a data set by its name.

    Arguments:
        name: One of `zoo.command.choices.DATA`, or a CSV file.
        split: Which of Gal's 20 splits, for a UCI table; the seed of the split of a file.
        path: The user's folder, for data that do not ship.
        num_train: Size of the training part; all by default.
        target: The column of a CSV file to predict.
        task: "regression" or "classification", for a CSV file.

    Raises:
        ValueError: A data set that needs a path, without one; a CSV file that is no table
            of numbers; a target or a task for other data.
    """
    if name in FROM_PATH:
        if path is None:
            raise ValueError(f"{name} is read from a folder; write --path FOLDER")
        return getattr(datasets, name)(path, num_train=num_train)

    is_file = name.endswith(CSV)
    if not is_file and (target is not None or task is not None):
        raise ValueError(
            f"--target and --task are for CSV files, not for {name}; omit them"
        )

    if is_file:
        data = load_csv(name, target, task, seed=split)
    elif name in EMBEDDED:
        data = datasets.uci(name, split=split)
    elif name in TOYS:
        data = getattr(datasets.toy, name)()
    else:
        data = getattr(datasets, name)()
    x, y = data.train
    return replace(data, train=Split(x[:num_train], y[:num_train]))


def make_network(name: str | None, data: Dataset, hidden: int) -> nn.Module:
    """Make a network for a data set.

    Arguments:
        name: One of `zoo.command.choices.NETWORKS`; by default one for the shape of the inputs.
        data: The data set.
        hidden: Units of an MLP's hidden layer.

    Raises:
        ValueError: The network does not take inputs of this shape.
    """
    shape = data.train.x.shape[1:]
    num_outputs = _num_outputs(data)
    name = name or _default_network(shape)

    if name == "MLP":
        network = networks.MLP(shape.numel(), num_outputs, hidden=[hidden])
        return network if len(shape) == 1 else nn.Sequential(nn.Flatten(), network)

    _refuse_shape(name, data)
    make = IMAGE_NETWORKS.get(name, networks.ConvNet1d)
    is_classification = not data.train.y.is_floating_point()
    options = accepted(make, image_size=shape[-1], companions=is_classification)
    return make(num_classes=num_outputs, in_channels=shape[0], **options)


def _num_outputs(data: Dataset) -> int:
    """Return the number of classes, or of real targets."""
    return data.train.y.shape[-1] if data.classes is None else len(data.classes)


def _default_network(shape: torch.Size) -> str:
    """Name the network for inputs of a shape: by default an MLP."""
    is_large_image = len(shape) == 3 and shape[-1] >= 28
    if not is_large_image:
        return "MLP"
    return "LeNet5" if shape[0] == 1 else "ResNet20"


def _refuse_shape(name: str, data: Dataset) -> None:
    """Refuse inputs that a network does not take."""
    shape = data.train.x.shape[1:]
    kind, dimensions = ("series", 2) if name == "ConvNet1d" else ("images", 3)
    if len(shape) != dimensions:
        raise ValueError(
            f"{name} needs {kind}, but {data.name} has inputs of shape {tuple(shape)}; "
            "write --network MLP, which takes them"
        )
    side = IMAGE_SIZES.get(name, shape[-1])
    if name in IMAGE_NETWORKS and tuple(shape[1:]) != (side, side):
        raise ValueError(
            f"{name} needs images of {side}x{side} pixels, but {data.name} has "
            f"{shape[-2]}x{shape[-1]}; write --network ResNet20, which takes any size"
        )


def make_likelihood(
    data: Dataset, noise: float | None, network: nn.Module
) -> Likelihood:
    """Make a likelihood for a data set.

    Arguments:
        data: The data set.
        noise: Standard deviation of a regression's noise; 0 or None infers it.
        network: The network; a DSN in classification has companion outputs.
    """
    if data.train.y.is_floating_point():
        return likelihoods.Gaussian(noise or dist.HalfNormal(1.0))
    if isinstance(network, networks.DSN):
        return likelihoods.DeeplySupervised()
    return likelihoods.Categorical()


def make_guide(
    name: str,
    options: Mapping[str, object],
    prior: str | None,
    default: str,
    build: Build,
) -> tuple[BayesianNetwork, guides.Guide]:
    """Make a model and a guide for it.

    Arguments:
        name: Name of the guide.
        options: Its arguments.
        prior: Name of the prior. None takes the default, or the first alternative that the
            guide accepts.
        default: Name of the default prior.
        build: Makes a model from a prior.

    Raises:
        ValueError: The guide refuses every prior tried.
    """
    refusal: ValueError | None = None
    for choice in [prior] if prior else [default, *ALTERNATIVES]:
        try:
            model = build(PRIORS[choice]())
            return model, getattr(guides, name)(model, **options)
        except ValueError as error:
            refusal = refusal or error
    hint = (
        f" (omit --prior {prior}, and {name} gets a prior that it takes)"
        if prior
        else ""
    )
    raise ValueError(f"{refusal}{hint}") from refusal
