"""`zoo nodes`: how many weights and how many nodes the networks have."""

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

COLUMNS = ("network", "weights", "nodes", "of convolutions", "weights per node")


def _torchvision_network(name: str) -> nn.Module:
    """Make a network of torchvision, for images of 224x224 pixels and a thousand classes."""
    return getattr(load_torchvision().models, name)()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "LeNet5": networks.LeNet5,
    "LeNet": networks.LeNet,
    "AlexNet, 32x32": networks.AlexNet,
    "AlexNet, torchvision": partial(_torchvision_network, "alexnet"),
    "VGG16, 32x32": networks.VGG16,
    "VGG16, torchvision": partial(_torchvision_network, "vgg16"),
    "NIN": networks.NIN,
    "DSN": networks.DSN,
    "FastConvNet": networks.FastConvNet,
    "ResNet-20": partial(networks.ResNet, 20),
    "ResNet-56": partial(networks.ResNet, 56),
    "ResNet-50, torchvision": partial(_torchvision_network, "resnet50"),
    "PreActResNet-18": networks.PreActResNet,
    "WRN-28-10": networks.WideResNet,
    "ConvNet1d": networks.ConvNet1d,
    "SegNet-Basic": partial(networks.SegNet, basic=True),
    "SegNet": networks.SegNet,
    "ESPCN, x3": networks.ESPCN,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""
    parser.description = (
        "Count weights and input nodes. Input nodes are the channels that enter each convolution "
        "and linear layer, shortcuts included, biases excluded. A posterior over nodes has that "
        "many dimensions."
    )


def run(arguments: argparse.Namespace) -> None:
    """Print a row for each network."""
    print(count())


def count() -> Table:
    """Count weights, input nodes, those of convolutions alone, and weights per node."""
    rows = []
    for name, make in NETWORKS.items():
        with torch.device("meta"):  # nothing is allocated
            network = make()
        weights = sum(parameter.numel() for parameter in network.parameters())
        nodes = nodes_of_convolutions = 0
        for layer in network.modules():
            if has_nodes(layer):
                size = channels(layer, "in")
                nodes += size
                nodes_of_convolutions += 0 if isinstance(layer, nn.Linear) else size
        rows.append(
            (name, weights, nodes, nodes_of_convolutions, round(weights / nodes))
        )
    return Table(COLUMNS, rows)
