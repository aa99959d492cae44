"""A frozen network whose nodes multiply the inputs of its layers, so that chains share weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zoo.priors.node import channels, has_nodes


class _ScaledInput(nn.Module):
    """A layer whose input channels are multiplied by nodes, 1 at first."""

    def __init__(self, layer: nn.Module, num_nodes: int) -> None:
        super().__init__()
        self.layer = layer
        self.nodes_in = nn.Parameter(torch.ones(num_nodes))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, I, ...) to (N, O, ...).

        A single node multiplies the output, so that chains share a first layer of it.
        """
        ones = [1] * (x.dim() - 2)
        if len(self.nodes_in) > 1:
            return self.layer(x * self.nodes_in.reshape(-1, *ones))

        bias = 0.0 if self.layer.bias is None else self.layer.bias.reshape(-1, *ones)

        return (self.layer(x) - bias) * self.nodes_in + bias


def folded(network: nn.Module) -> nn.Module:
    """Return a frozen copy in evaluation mode, with batch normalisation inside of convolutions.

    A normalisation belongs to the convolution before it in the order of registration.
    """
    network = copy.deepcopy(network).eval()
    for part in list(network.modules()):
        before = None
        for name, layer in list(part.named_children()):
            if isinstance(layer, nn.BatchNorm2d) and before is not None:
                convolution = part.get_submodule(before)
                setattr(part, before, fuse_conv_bn_eval(convolution, layer))
                setattr(part, name, nn.Identity())

            before = name if isinstance(layer, nn.Conv2d) else None

    return network.requires_grad_(False)


def with_scaled_inputs(network: nn.Module) -> nn.Module:
    r"""Return a frozen copy of a network in which nodes multiply inputs in place of weights.

    .. math:: (W \operatorname{diag}(z)) * x = W * (z \circ x)

    The left is a convolution with weights of its own for each chain, whose gradient is
    that of all weights. The right has the same weights for all chains, and no gradient of
    them: a gradient of ResNet-20 takes .7 of the time. The nodes have the names and the
    density that `priors.NodePrior` gives them, and are the only parameters with a gradient.

    Arguments:
        network: A network of linear and convolution layers, frozen.
    """
    network = copy.deepcopy(network).requires_grad_(False)
    for name, layer in list(network.named_modules()):
        if has_nodes(layer):
            path, _, key = name.rpartition(".")
            scaled = _ScaledInput(layer, channels(layer, "in"))
            setattr(network.get_submodule(path), key, scaled)

    return network
