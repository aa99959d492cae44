"""Networks: plain `torch.nn.Module`s with nothing Bayesian in them; anyone's own does as well."""

from zoo.networks.lenet import LeNet5
from zoo.networks.mlp import MLP
from zoo.networks.resnet import ResNet

__all__ = ["MLP", "LeNet5", "ResNet"]
