"""How a run of SVI makes its optimiser and its learning-rate scheduler."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

MakeOptimizer = Callable[..., Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]


def build_optimizer(
    make: MakeOptimizer, parameters: list[nn.Parameter], lr: float
) -> Optimizer:
    """Return the optimiser of the parameters.

    Arguments:
        make: Makes the optimiser, called as `make(parameters, lr=lr)`. Adam gets
            `fused=True`, so that one kernel updates all parameters.
        parameters: The parameters.
        lr: Learning rate.
    """
    if make is torch.optim.Adam:
        make = partial(make, fused=True)
    return make(parameters, lr=lr)
