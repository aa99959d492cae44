"""Networks: plain modules of PyTorch with nothing Bayesian in them; your own work too."""

from typing import TYPE_CHECKING, NoReturn

from zoo.networks.alexnet import AlexNet
from zoo.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from zoo.networks.dsn import DSN
from zoo.networks.espcn import ESPCN
from zoo.networks.fast_conv_net import FastConvNet
from zoo.networks.filter_response import FilterResponseNorm
from zoo.networks.lenet import LeNet, LeNet5
from zoo.networks.mlp import MLP
from zoo.networks.multi_head import MultiHead
from zoo.networks.nin import NIN
from zoo.networks.normalising_flow import NormalisingFlow
from zoo.networks.preact_resnet import PreActResNet
from zoo.networks.resnet import ResNet
from zoo.networks.segnet import SegNet
from zoo.networks.series import ConvNet1d
from zoo.networks.vgg import VGG16
from zoo.networks.wide_resnet import WideResNet
from zoo.runtime.other_names import missing

__all__ = [
    "DSN",
    "ESPCN",
    "MLP",
    "NIN",
    "VGG16",
    "AlexNet",
    "ConvNet1d",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "FastConvNet",
    "FilterResponseNorm",
    "LeNet",
    "LeNet5",
    "MultiHead",
    "NormalisingFlow",
    "PreActResNet",
    "ResNet",
    "SegNet",
    "WideResNet",
]

_MLP = "networks.MLP(num_inputs, num_outputs, hidden=[50])"
_OTHER_NAMES = {
    "Airbench": "networks.FastConvNet(num_classes)",
    "Conv1d": "networks.ConvNet1d(num_classes)",
    "DCGAN": "networks.DCGANGenerator(num_latents) and networks.DCGANDiscriminator()",
    "Dense": _MLP,
    "FRN": "networks.FilterResponseNorm(channels)",
    "FeedForward": _MLP,
    "FullyConnected": _MLP,
    "Flow": "networks.NormalisingFlow(features)",
    "Linear": "networks.MLP(num_inputs, num_outputs, hidden=[])",
    "NormalizingFlow": "networks.NormalisingFlow(features)",
    "PreActResNet18": "networks.PreActResNet(18)",
    "PreActResNet34": "networks.PreActResNet(34)",
    "RealNVP": "networks.NormalisingFlow(features)",
    "ResNet20": "networks.ResNet(20)",
    "ResNet32": "networks.ResNet(32)",
    "ResNet44": "networks.ResNet(44)",
    "ResNet56": "networks.ResNet(56)",
    "SegNetBasic": "networks.SegNet(num_classes, basic=True)",
    "SubPixel": "networks.ESPCN(factor)",
    "SuperResolution": "networks.ESPCN(factor)",
    "VGG": "networks.VGG16(num_classes)",
    "WRN": "networks.WideResNet(28, 10)",
    "WideResNet28_10": "networks.WideResNet(28, 10)",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(__name__, name, __all__, _OTHER_NAMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
