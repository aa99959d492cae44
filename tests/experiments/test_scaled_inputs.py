"""Nodes that multiply inputs have the density of nodes that multiply weights."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

from zoo import likelihoods, networks, priors
from zoo.experiments.parts.scaled_inputs import folded, with_scaled_inputs
from zoo.inference.mcmc.density.potential import Potential
from zoo.model import BayesianNetwork

NODE = dist.Normal(1.0, 0.3)


def with_statistics(network):
    """Return a network whose normalisations have seen data, in evaluation mode."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.3)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            nn.init.uniform_(layer.weight, 0.5, 2.0)
            nn.init.normal_(layer.bias, std=0.3)

    return network.eval()


def potentials(network, x, y):
    """Return the potential of nodes on weights, and of nodes on inputs."""
    on_weights = BayesianNetwork(
        network,
        priors.NodePrior(NODE, weights=priors.Frozen()),
        likelihoods.Categorical(),
    )
    on_inputs = BayesianNetwork(
        with_scaled_inputs(folded(network)),
        priors.WeightPrior(NODE),
        likelihoods.Categorical(),
    )
    return Potential(on_weights, x, y), Potential(on_inputs, x, y)


def equal_at_draws(network, x, y):
    """Return whether both potentials and gradients are equal at draws of the prior."""
    one, other = potentials(network, x, y)
    assert one.shapes == other.shapes
    q = one.prior_draws(2)
    found = []
    for potential in (one, other):
        with potential.program.running():
            found.append(potential.gradient(q))

    (gradient, energy), (gradient_too, energy_too) = found
    torch.testing.assert_close(energy, energy_too, rtol=1e-6, atol=0.0)
    torch.testing.assert_close(gradient, gradient_too, rtol=1e-6, atol=1e-6)
    return q, other, energy


@pytest.mark.filterwarnings("ignore:the network has batch normalisation")
def test_nodes_on_inputs_of_a_residual_network_have_the_same_density():
    torch.manual_seed(0)
    network = with_statistics(networks.ResNet(8, width=4)).double()
    x = torch.randn(5, 3, 16, 16, dtype=torch.float64)
    q, other, energy = equal_at_draws(network, x, torch.arange(5))
    with other.program.running():
        moved = other.energies(q.flip(-1))  # nodes of other layers are another density
    assert (moved - energy).abs().min() > 1e-2


def test_a_single_node_of_the_first_layer_has_the_same_density():
    torch.manual_seed(0)
    network = networks.LeNet5(10, image_size=16).double().eval()
    x = torch.randn(5, 1, 16, 16, dtype=torch.float64)
    equal_at_draws(network, x, torch.arange(5))


def test_folding_keeps_the_function_and_the_network():
    torch.manual_seed(0)
    network = with_statistics(networks.ResNet(8, width=4)).double()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    copy = folded(network)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in copy.modules())
    torch.testing.assert_close(copy(x), network(x))
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
