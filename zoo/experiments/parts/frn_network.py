"""Residual networks without batch statistics: their posterior is one of independent images."""

from __future__ import annotations

from functools import partial

import pyro.distributions as dist
import torch
from torch import nn

from zoo import networks, priors

PRIOR = priors.WeightPrior(
    dist.Normal(0.0, 0.2**0.5)
)  # the variance that was published


def frn_resnet(depth: int, width: int = 16) -> nn.Module:
    """Return a new ResNet with filter response normalisation and Swish, as published.

    References:
        What Are Bayesian Neural Network Posteriors Really Like?
        (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        depth: Number of layers that have weights.
        width: Channels of the first stage.
    """
    norm = partial(networks.FilterResponseNorm, threshold=False)
    network = networks.ResNet(depth, width=width, norm=norm, activation=nn.SiLU)

    return network.to(memory_format=torch.channels_last)
