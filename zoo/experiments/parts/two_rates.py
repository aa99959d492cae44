"""An optimiser with one learning rate for the nodes of a network and one for its weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def two_rates(
    guide: nn.Module,
    parameters: Sequence[nn.Parameter],
    lr: float,
    lr_weights: float = 1e-4,
) -> torch.optim.Optimizer:
    """Return SGD with momentum, with one learning rate for the nodes and one for the weights.

    Arguments:
        guide: The guide, whose parameters are those of the nodes.
        parameters: All parameters.
        lr: The learning rate of the nodes.
        lr_weights: The learning rate of the weights.
    """
    guide_ids = {id(parameter) for parameter in guide.parameters()}
    nodes: list[nn.Parameter] = []
    weights: list[nn.Parameter] = []
    for parameter in parameters:
        group = nodes if id(parameter) in guide_ids else weights
        group.append(parameter)

    groups = [{"params": nodes, "lr": lr}, {"params": weights, "lr": lr_weights}]

    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)
