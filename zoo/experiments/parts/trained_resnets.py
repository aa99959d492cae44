"""ResNets trained on CIFAR-10, and the data with a validation part, for two experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from zoo import datasets, networks
from zoo.datasets import Dataset, Split
from zoo.datasets.images import IMAGENET
from zoo.experiments.running.run import Run

CHECKPOINTS = {20: "resnet20-12fca82f.th", 56: "resnet56-4bfd9763.th"}  # by depth
_SOURCE = "github.com/akamaster/pytorch_resnet_cifar10"
_NUM_VALIDATION = 2_000


def load_cifar10(run: Run) -> Dataset:
    """Return CIFAR-10 in the units of the trained networks.

    The validation part is the last 2,000 training images. The networks were trained on
    them too.
    """
    data = run.dataset(datasets.cifar10, units=IMAGENET)

    x, y = data.train
    validation = Split(x[-_NUM_VALIDATION:], y[-_NUM_VALIDATION:])

    return replace(data, validation=validation)


def load_trained(run: Run, depth: int) -> nn.Module:
    """Return the trained network of a depth, from the folder of the data sets."""
    folder = run.data_path("cifar10_resnets")
    return resnet(folder / CHECKPOINTS[depth], depth)


def resnet(path: Path, depth: int) -> nn.Module:
    """Read a trained network, with weights in channels_last order, which is faster on a CPU.

    Raises:
        FileNotFoundError: The file does not exist.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; download it as pretrained_models/{path.name} of {_SOURCE}"
        )

    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    state = {}
    for name, value in checkpoint["state_dict"].items():
        state[name.removeprefix("module.")] = value

    network = networks.ResNet(depth, num_classes=10)
    network = network.to(memory_format=torch.channels_last)
    network.load_state_dict(state)

    return network
