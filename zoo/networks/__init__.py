"""Networks: plain `torch.nn.Module`s with nothing Bayesian in them; anyone's own does as well."""

from zoo.networks.alexnet import AlexNet
from zoo.networks.dsn import DSN
from zoo.networks.filter_response import FilterResponseNorm
from zoo.networks.lenet import LeNet, LeNet5
from zoo.networks.mlp import MLP
from zoo.networks.nin import NIN
from zoo.networks.preact_resnet import PreActResNet, WideResNet
from zoo.networks.resnet import ResNet
from zoo.networks.series import ConvNet1d
from zoo.networks.vgg import VGG16

__all__ = [
    "DSN",
    "MLP",
    "NIN",
    "VGG16",
    "AlexNet",
    "ConvNet1d",
    "FilterResponseNorm",
    "LeNet",
    "LeNet5",
    "PreActResNet",
    "ResNet",
    "WideResNet",
]
