"""The names that the command line maps to objects, in one place."""

from __future__ import annotations

import argparse
import ast
import difflib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import pyro.distributions as dist
import torch
from torch import nn

import guides
from zoo import (
    datasets,
    experiments,
    inference,
    likelihoods,
    networks,
    priors,
    references,
)
from zoo.datasets import Dataset, Split
from zoo.datasets.uci import EMBEDDED

POINT = priors.Point(dist.Normal(0.0, 1.0))
RULES = {  # what each weight gets as its prior; normalisation layers are point estimates
    "normal": lambda: dist.Normal(0.0, 1.0),
    "fan_in": priors.fan_in,
    "laplace": lambda: dist.Laplace(0.0, 1.0),
    "student": lambda: dist.StudentT(3.0, 0.0, 1.0),
    "scale_mixture": lambda: priors.ScaleMixture(0.5, 1.0, 0.0025),
    "hierarchical": lambda: priors.Hierarchical(dist.HalfNormal(1.0)),
    "ard": lambda: priors.Hierarchical(dist.HalfNormal(1.0), by="input"),
    "horseshoe": priors.RegularisedHorseshoe,
    "log_uniform": priors.LogUniform,
}
PRIORS: dict[str, Callable[[], object]] = {
    **{
        name: lambda rule=rule: priors.WeightPrior(priors.all_but_normalisation(rule()))
        for name, rule in RULES.items()
    },
    "last_layer": lambda: priors.WeightPrior(
        priors.last_layer(dist.Normal(0.0, 1.0), otherwise=POINT)
    ),
    "nodes": lambda: priors.NodePrior(dist.Normal(1.0, 0.3), weights=POINT),
    "nodes_both": lambda: priors.NodePrior(
        dist.Normal(1.0, 0.3), where="both", weights=POINT
    ),
    "nodes_bernoulli": lambda: priors.NodePrior(dist.Bernoulli(0.9), weights=POINT),
    "nodes_and_weights": lambda: priors.NodePrior(
        dist.Normal(1.0, 0.3), weights=dist.Normal(0.0, 1.0)
    ),
}
TRIED = (
    "nodes",
    "nodes_both",
    "log_uniform",
)  # where no prior is named, and a guide refuses the usual one

GUIDES = list(guides.__all__)
ENGINES = [
    name for name in inference.__all__ if hasattr(getattr(inference, name), "fit")
]
TOYS = [name for name in datasets.toy.__all__ if name.islower()]
BY_FOLDER = [
    name
    for name in datasets.__all__
    if name.islower()
    and name != "toy"
    and "num_train" in inspect.signature(getattr(datasets, name)).parameters
]
DATA = [*EMBEDDED, "digits", *TOYS, *BY_FOLDER]
REFERENCES = {
    name.replace("_", "-"): getattr(references, name)
    for name in references.__all__
    if name.islower() and name not in ("load", "make")
}
EXPERIMENTS = {
    experiment.name: experiment
    for experiment in vars(experiments).values()
    if isinstance(experiment, experiments.Experiment)
}
IMAGES: dict[str, Callable[..., nn.Module]] = {
    **{
        name: getattr(networks, name)
        for name in ("LeNet5", "LeNet", "AlexNet", "VGG16", "NIN", "DSN")
    },
    **{f"ResNet{depth}": partial(networks.ResNet, depth) for depth in (20, 32, 44, 56)},
    "PreActResNet18": networks.PreActResNet,
    "WideResNet28-10": networks.WideResNet,
}
SIDES = {
    "LeNet": 28,
    "AlexNet": 32,
    "VGG16": 32,
}  # the only images that they take; the others take any
NETWORKS = ["MLP", *IMAGES, "ConvNet1d"]


def load_data(
    name: str, *, split: int = 0, path: str | None = None, num_train: int | None = None
) -> Dataset:
    """Load a data set by its name: a UCI table, the digits, a toy, or what lies in a folder."""
    if name in BY_FOLDER:
        if path is None:
            raise ValueError(f"{name} is read from a folder of yours: --path PATH")
        return getattr(datasets, name)(path, num_train=num_train)
    if name in EMBEDDED:
        data = datasets.uci(name, split=split)
    else:
        data = (
            getattr(datasets.toy, name)() if name in TOYS else getattr(datasets, name)()
        )
    return replace(
        data, train=Split(data.train.x[:num_train], data.train.y[:num_train])
    )


def make_network(name: str | None, data: Dataset, hidden: int) -> nn.Module:
    """Make a network that fits a data set, the usual one for its inputs where none is named."""
    shape, y = data.train.x.shape[1:], data.train.y
    classes = not y.is_floating_point()
    outputs = int(y.max()) + 1 if classes else y.shape[-1]
    if name is None:
        name = (
            "MLP"
            if len(shape) != 3 or shape[-1] < 28
            else "LeNet5"
            if shape[0] == 1
            else "ResNet20"
        )
    if name == "MLP":
        network = networks.MLP(shape.numel(), outputs, hidden=[hidden])
        return network if len(shape) == 1 else nn.Sequential(nn.Flatten(), network)
    kind, dimensions = ("series", 2) if name == "ConvNet1d" else ("images", 3)
    if len(shape) != dimensions:
        raise ValueError(
            f"{name} is for {kind}, and {data.name} has inputs of shape {tuple(shape)}: --network MLP"
        )
    side = SIDES.get(name, shape[-1])
    if name in IMAGES and tuple(shape[1:]) != (side, side):
        raise ValueError(
            f"{name} is for images of {side}x{side} pixels, and {data.name} has {shape[-2]}x{shape[-1]}: "
            "--network ResNet20 takes any"
        )
    make = IMAGES.get(name, networks.ConvNet1d)
    options = accepted(
        make, image_size=side, companions=classes
    )  # companions say classes
    return make(num_classes=outputs, in_channels=shape[0], **options)


def make_likelihood(data: Dataset, noise: float | None, network: nn.Module) -> object:
    """Make the likelihood for a data set: classes, or a Gaussian whose noise is fixed or inferred."""
    if data.train.y.is_floating_point():
        return likelihoods.Gaussian(noise or dist.HalfNormal(1.0))
    return (
        likelihoods.DeeplySupervised()
        if isinstance(network, networks.DSN)
        else likelihoods.Categorical()
    )


def make_guide(
    name: str, options: dict, prior: str | None, usual: str, build: Callable
) -> tuple[object, object]:
    """Make a model and a guide for it; a guide that refuses the usual prior gets the first that it takes.

    Arguments:
        name: Name of the guide.
        options: Its arguments.
        prior: Name of the prior, None for the usual one.
        usual: Name of the usual one.
        build: Makes a model from a prior.
    """
    refusal = None
    for choice in [prior] if prior else [usual, *TRIED]:
        try:
            model = build(PRIORS[choice]())
            return model, getattr(guides, name)(model, **options)
        except ValueError as error:
            refusal = refusal or error
    hint = (
        f" (--prior {prior}; without --prior {name} gets one that it takes)"
        if prior
        else ""
    )
    raise ValueError(f"{refusal}{hint}") from refusal


def one_of(names: Iterable[str], what: str) -> Callable[[str], str]:
    """Make an argument type that takes one of some names, and answers a wrong one with the nearest."""
    names = list(names)

    def check(name: str) -> str:
        by_lower = {known.lower(): known for known in names}
        if name.lower() in by_lower:
            return by_lower[name.lower()]
        near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.0)[0]
        raise argparse.ArgumentTypeError(
            f"there is no {what} {name!r}; the nearest is {by_lower[near]!r} (all: {', '.join(names)})"
        )

    return check


def accepted(callable_: Callable[..., object], **options: object) -> dict[str, object]:
    """Keep the options that a callable has a parameter for and that are not None."""
    known = inspect.signature(callable_).parameters
    return {
        name: value
        for name, value in options.items()
        if name in known and value is not None
    }


def device(text: str) -> str:
    """Read the name of a device that this PyTorch can compute on."""
    try:
        kind = torch.device(text).type
    except RuntimeError:
        kind = None
    if kind not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(
            f"there is no device {text!r}; give cpu, or cuda for a GPU"
        )
    if kind == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError(
            f"there is no device {text!r}: this PyTorch sees no GPU; give cpu"
        )
    return text


def setting(text: str) -> tuple[str, object]:
    """Read NAME=VALUE, the value as Python would write it, else as text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no setting; write NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def unknown(names: Iterable[str], *callables: Callable[..., object]) -> str:
    """Say which names none of some callables takes, with the nearest; "" if there is none."""
    known = list(
        dict.fromkeys(
            name for each in callables for name in inspect.signature(each).parameters
        )
    )
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            return f"nothing has an argument {name!r}; the nearest is {near!r} (all: {', '.join(known)})"
    return ""
