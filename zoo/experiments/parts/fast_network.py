"""FastConvNet on CIFAR-10: its first filters, its data, and SGD with a rate that is linear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Sampler

from zoo import networks, priors
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.augment import loader
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram

BATCH_SIZE = 256
RATE = 0.4
PRIOR = priors.WeightPrior(
    priors.all_but_normalisation(dist.Normal(0.0, 0.1), otherwise=priors.Point())
)
DROPPED = ("groups.1.conv2.weight", "groups.2.conv?.weight", "linear.weight")

_WIDTHS = (32, 128, 128)  # half of those published
_NUM_WHITENED = 5_000  # images
_MARGIN = 2  # pixels by which images are shifted
_BIAS_RATE = 64.0  # times the rate of the weights, as published


def fast_network(data: Dataset, widths: Sequence[int] | None = None) -> nn.Module:
    """Return a new network, whose first filters are of the training images.

    Arguments:
        data: The images.
        widths: Channels of each group, by default half of those published.
    """
    network = networks.FastConvNet(widths=widths or _WIDTHS)
    network.whiten(data.train.x[:_NUM_WHITENED])

    return network.to(memory_format=torch.channels_last)


def augmented(
    part: Split, batch_size: int = BATCH_SIZE, sampler: Sampler | None = None
) -> DataLoader:
    """Return batches of images that are mirrored and shifted, as published.

    Arguments:
        part: Images (N, C, H, W) and their labels (N,).
        batch_size: Number of images in a batch.
        sampler: Draws the rows; by default all of them, shuffled.
    """
    return loader(part, batch_size, _MARGIN, "reflect", sampler)


def nesterov(parameters: Sequence[Tensor], lr: float) -> torch.optim.Optimizer:
    """Return SGD with Nesterov's momentum, with a large rate for biases."""
    biases = [parameter for parameter in parameters if parameter.dim() == 1]
    weights = [parameter for parameter in parameters if parameter.dim() > 1]
    groups = [
        {"params": weights, "lr": lr},
        {"params": biases, "lr": _BIAS_RATE * lr},
    ]

    return torch.optim.SGD(groups, lr=lr, momentum=0.85, nesterov=True)


@dataclass(frozen=True)
class Linear:
    """A rate that rises from zero, and then changes linearly.

    Arguments:
        num_steps: Number of steps of the run.
        warmup: Part of the steps in which the rate rises.
        first: The rate after that, as a factor of the optimiser's.
        last: The rate at the end, as a factor of the optimiser's.
    """

    num_steps: int
    warmup: float
    first: float
    last: float

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        done = (step + 1) / self.num_steps
        if done < self.warmup:
            return self.first * done / self.warmup

        rest = (1 - done) / (1 - self.warmup)
        return self.last + (self.first - self.last) * rest


def sgd(
    model: BayesianNetwork,
    guide: PyroProgram,
    *,
    num_steps: int,
    warmup: float,
    first: float,
    last: float,
    **options: Any,
) -> SVI:
    """Return `SVI` in half precision by SGD, with a rate that changes linearly."""
    factor = Linear(num_steps, warmup, first, last)
    scheduler = partial(LambdaLR, lr_lambda=factor)

    return SVI(
        model,
        guide,
        num_steps=num_steps,
        optimizer=nesterov,
        scheduler=scheduler,
        precision="bf16",
        **options,
    )
