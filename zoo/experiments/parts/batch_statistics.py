"""Statistics of batch normalisation of a plain network: recomputed, or averaged for longer."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

_MOMENTUM = 0.02  # of the running statistics


def normalised_by(
    network: nn.Module, batches: Iterable[Any], device: torch.device
) -> nn.Module:
    """Return a copy of a network with the statistics of batch normalisation of some images."""
    normalised = copy.deepcopy(network)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        update_bn(batches, normalised, device)

    return normalised.eval()


def average_longer(network: nn.Module) -> None:
    """Let normalisations average over about fifty batches, each of which has its own draw."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = _MOMENTUM
