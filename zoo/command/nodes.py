"""`python -m zoo nodes`: how many weights the networks have, and how few nodes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from zoo import networks
from zoo.priors.node import channels, has_nodes
from zoo.reports.table import Table
from zoo.runtime.torchvision_shim import load_torchvision


def large(name: str) -> nn.Module:
    """Make one of torchvision's networks, for images of 224x224 pixels and a thousand classes."""
    return getattr(load_torchvision().models, name)()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "LeNet5": networks.LeNet5,
    "LeNet": networks.LeNet,
    "AlexNet, 32x32": networks.AlexNet,
    "AlexNet, torchvision": partial(large, "alexnet"),
    "VGG16, 32x32": networks.VGG16,
    "VGG16, torchvision": partial(large, "vgg16"),
    "NIN": networks.NIN,
    "DSN": networks.DSN,
    "ResNet-20": partial(networks.ResNet, 20),
    "ResNet-56": partial(networks.ResNet, 56),
    "ResNet-50, torchvision": partial(large, "resnet50"),
    "PreActResNet-18": networks.PreActResNet,
    "WRN-28-10": networks.WideResNet,
    "ConvNet1d": networks.ConvNet1d,
}


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    nodes = commands.add_parser(
        "nodes",
        help="count the weights and the input nodes of the networks",
        description="Count weights and input nodes: the channels that go into each convolution and linear layer, those "
        "of shortcuts included and biases not. A posterior over nodes has that many dimensions.",
    )
    nodes.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a row for each network."""
    print(counted())


def counted() -> Table:
    """Return weights, input nodes, those of convolutions alone, and weights to a node; nothing is allocated."""
    rows = []
    for name, make in NETWORKS.items():
        with torch.device("meta"):
            network = make()
        weights = sum(parameter.numel() for parameter in network.parameters())
        layers = [layer for layer in network.modules() if has_nodes(layer)]
        nodes = sum(channels(layer, "in") for layer in layers)
        convolved = sum(
            channels(layer, "in")
            for layer in layers
            if not isinstance(layer, nn.Linear)
        )
        rows.append((name, weights, nodes, convolved, round(weights / nodes)))
    return Table(
        ("network", "weights", "nodes", "of convolutions", "weights to a node"), rows
    )
