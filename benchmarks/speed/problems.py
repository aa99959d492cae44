"""The problems of the benchmarks: networks, priors and data, made from one seed."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

import zoo
from zoo import likelihoods, networks, priors

NUM_IMAGES = 1280
NOISE = 0.1
Images = tuple[Tensor, Tensor]


def images(channels: int, size: int, device: str = "cpu") -> Images:
    """Make images of noise with labels: the cost of a step does not depend on their content."""
    pyro.set_rng_seed(0)
    x = torch.randn(NUM_IMAGES, channels, size, size)
    y = torch.randint(10, (NUM_IMAGES,))

    return x.to(device), y.to(device)


def lenet(device: str = "cpu") -> tuple[nn.Module, Images]:
    """Return LeNet-5 for 28x28 pixels, and images."""
    data = images(1, 28, device)
    return networks.LeNet5().to(device), data


def resnet(device: str = "cpu") -> tuple[nn.Module, Images]:
    """Return ResNet-20 for 32x32 pixels, and images."""
    data = images(3, 32, device)
    return networks.ResNet(20).to(device), data


def digits_in_vectors(device: str = "cpu") -> tuple[nn.Module, Images]:
    """Return the 784-400-400-10 network, and images as vectors."""
    x, y = images(1, 28, device)
    network = networks.MLP(784, 10, hidden=[400, 400], activation=nn.ReLU)

    return network.to(device), (x.flatten(1), y)


def over_weights(network: nn.Module) -> zoo.BayesianNetwork:
    """Give weights standard normal priors; those of normalisations are point estimates."""
    prior = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0)))
    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


def over_nodes(network: nn.Module) -> zoo.BayesianNetwork:
    """Give nodes normal priors around one; the weights are point estimates."""
    prior = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Point())
    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


def regression(
    num_data: int = 500, hidden: int = 50
) -> tuple[zoo.BayesianNetwork, Images, Tensor]:
    """Return the 13-50-1 network, its data, which are random noise, and 20 further inputs."""
    torch.manual_seed(0)
    x = torch.randn(num_data, 13)
    y = torch.randn(num_data)
    inputs = torch.randn(20, 13)
    network = networks.MLP(13, 1, hidden=[hidden])
    scales = {
        "layer1.weight": 13**-0.5,
        "layer1.bias": hidden**-0.5,
        "layer2.weight": hidden**-0.5,
        "layer2.bias": 1.0,
    }
    prior = priors.WeightPrior(lambda name, _: dist.Normal(0.0, scales[name]))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))

    return model, (x, y.unsqueeze(-1)), inputs


def regression_on(
    device: str, num_data: int = 500, hidden: int = 50
) -> tuple[zoo.BayesianNetwork, Images, Tensor]:
    """Return `regression` on a device."""
    model, (x, y), inputs = regression(num_data, hidden)
    return model.to(device), (x.to(device), y.to(device)), inputs.to(device)
